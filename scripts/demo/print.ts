import type { UpgradeStory } from './upgrade.ts';

/** The story of one upgrade as lines for a terminal. */
export function storyLines(title: string, story: UpgradeStory): string[] {
  const { result, load } = story;
  const began = Math.min(...story.timeline.map((row) => Date.parse(row.started)).filter(Number.isFinite));
  const rows = story.timeline
    .filter((row) => row.started !== '' || row.state === 'Skipped')
    .map((row) => {
      const at = row.started === '' ? '' : `+${((Date.parse(row.started) - began) / 1000).toFixed(0)}s`;
      const message = row.state === 'Failed' || row.state === 'Skipped' ? `  ${row.message}` : '';
      return `  ${at.padStart(6)}  ${row.number.padEnd(4)} ${row.title.padEnd(64)} ${row.state}${message}`;
    });
  return [
    '',
    `${title}: ${result.phase} after ${result.seconds} s${story.failure === '' ? '' : `, because ${story.failure}`}`,
    ...rows,
    `  requests     ${result.requests}, failed ${result.failed}${result.failed === 0 ? '' : `: ${load.firstFailures.slice(0, 3).join('; ')}`}`,
    `  answered by  ${Object.entries(load.versions)
      .map(([version, count]) => `${version}: ${count}`)
      .join(', ')}`,
    `  writes       ${load.acknowledged} acknowledged, ${result.acknowledgedWritesLost} lost`,
    ...load.members.map(
      (member) =>
        `  ${member.member.padEnd(12)} ${member.identical ? 'data identical to before, byte for byte' : `data differs: ${member.detail}`}`,
    ),
  ];
}
