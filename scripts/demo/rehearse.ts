/** The next best thing where there can be no cluster: the same planner and engine against simulated servers. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulate } from '../../src/cli/simulate.ts';
import { root } from '../process.ts';

const example = join(root, 'deploy/examples/rolling');

interface Story {
  readonly title: string;
  /** What runs before. */
  readonly from: string;
  readonly args: readonly string[];
}

const stories: Readonly<Record<'good' | 'bad', Story>> = {
  good: {
    title: 'upgrading 1.0.0 to 1.1.0, a good release, while users keep coming',
    from: '1.0.0',
    args: ['--package', 'portal-1.1.0'],
  },
  bad: {
    title: 'upgrading 1.1.0 to 1.2.0: it is healthy, but nobody can log in',
    from: '1.1.0',
    args: ['--package', 'portal-1.2.0', '--fail', 'probe:login@group-1', '--fail', 'probe:login@group-2'],
  },
};

/** Rehearses both upgrades of the demo. @returns whether every promise held */
export async function rehearseDemo(isJson: boolean, write: (text: string) => void): Promise<boolean> {
  const results: Record<string, unknown> = { simulated: true };
  let isGood = true;
  for (const [name, story] of Object.entries(stories)) {
    write(`\n${story.title} (simulated)\n\n`);
    isGood = (await told(story, [], write)) === 0 && isGood;
    if (!isJson) continue;
    const parts: string[] = [];
    await told(story, ['--json'], (text) => parts.push(text));
    results[name] = JSON.parse(parts.join(''));
  }
  if (isJson) write(`${JSON.stringify(results)}\n`);
  return isGood;
}

async function told(story: Story, more: readonly string[], write: (text: string) => void): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'belay-demo-'));
  try {
    cpSync(example, folder, { recursive: true });
    // HAProxy is another load balancer for the same portal, not one more.
    rmSync(join(folder, 'haproxy'), { recursive: true });
    const application = join(folder, 'application.yaml');
    const running = new RegExp(`registry\\.example/portal:${story.from.replaceAll('.', '\\.')}@sha256:\\w+`);
    const [image = ''] = running.exec(readFileSync(join(folder, 'packages.yaml'), 'utf8')) ?? [];
    const before = readFileSync(application, 'utf8');
    writeFileSync(application, before.replaceAll(/registry\.example\/portal:\S+/g, image));
    return await simulate(['-f', folder, ...story.args, ...more], write);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
