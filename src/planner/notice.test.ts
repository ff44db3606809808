import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration } from '../shared/duration.ts';
import { computeNotice, type NoticeInput } from './notice.ts';

/** "22:05" and the like, for an upgrade that begins at 22:00. */
function clockAt(offsetMs: number): string {
  return new Date(Date.UTC(2026, 11, 5, 22) + offsetMs).toISOString().slice(11, 16);
}

interface Want {
  readonly atRisk: string;
  readonly downtime?: string;
  readonly text: string;
}

describe('the notice for users', () => {
  const cases: Readonly<Record<string, readonly [NoticeInput, Want]>> = {
    '001-27 001-28 001-32: 2+2 servers, a Major': [
      { type: 'Major', servers: 4, loadBalanced: true },
      {
        atRisk: '22:00-22:40',
        downtime: '22:05-22:20',
        text: 'The service is at risk, with limited capability, for about 40 minutes. It is down for about 15 minutes of them, from about 5 minutes after the start.',
      },
    ],
    '001-61 001-28: 2+2 servers, a Major whose database people back up': [
      { type: 'Major', servers: 4, loadBalanced: true, byPeopleMs: 1_770_000 },
      {
        atRisk: '22:00-23:09',
        downtime: '22:05-22:49',
        text: 'The service is at risk, with limited capability, for about 70 minutes. It is down for about 45 minutes of them, from about 5 minutes after the start.',
      },
    ],
    '001-30 001-32: 3+3 servers, a Minor, without a line on downtime': [
      { type: 'Minor', servers: 6, loadBalanced: true },
      { atRisk: '22:00-23:00', text: 'The service is at risk, with limited capability, for about 60 minutes.' },
    ],
    '001-29 001-32: 1+1 servers, a Major, unavailable for all of it': [
      { type: 'Major', servers: 2, loadBalanced: false },
      {
        atRisk: '22:00-22:20',
        downtime: '22:00-22:20',
        text: 'The service is unavailable during the whole upgrade, for about 20 minutes.',
      },
    ],
    '001-31 001-32: 2+2 servers without health checks, a Minor, intermittent for all of it': [
      { type: 'Minor', servers: 4, loadBalanced: false },
      {
        atRisk: '22:00-22:40',
        text: 'The service is intermittent during the whole upgrade, for about 40 minutes.',
      },
    ],
  };
  for (const [name, [input, want]] of Object.entries(cases)) {
    it(name, () => {
      const { text, atRiskMs, downtime } = computeNotice(input);
      const down =
        downtime === undefined
          ? {}
          : { downtime: `${clockAt(downtime.afterMs)}-${clockAt(downtime.afterMs + downtime.lengthMs)}` };
      assert.deepEqual({ atRisk: `${clockAt(0)}-${clockAt(atRiskMs)}`, ...down, text }, want);
    });
  }

  it('001-28: a downtime of a quarter of an hour', () => {
    const { downtime } = computeNotice({ type: 'Major', servers: 2, loadBalanced: true });
    assert.deepEqual([formatDuration(downtime?.afterMs ?? 0), formatDuration(downtime?.lengthMs ?? 0)], ['5m', '15m']);
  });
});
