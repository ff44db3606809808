/** Every story once, in fixed order; its log is the golden file. UPDATE_GOLDEN=1 writes the files anew: read the diff. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { assertEnd, endOf, play, type Ended, type Story } from './story.ts';
import { stories } from './stories/index.ts';

const folder = new URL('golden/', import.meta.url);

function textOf(story: Story, ended: Ended): string {
  const { traffic } = ended.world;
  const phases = ended.result.runs
    .map((run) => `${run.metadata.name} ${run.status?.phase ?? 'never began'}`)
    .join(', ');
  return [
    `${story.ids}: ${story.title}`,
    '',
    ...ended.result.timeline.lines(),
    '',
    `ended: ${phases === '' ? Object.values(ended.result.settled).join(', ') : phases}`,
    `requests failed: ${traffic.failed}; met an unproven release: ${traffic.unproven}; users cut off: ${traffic.cut}`,
    ...Object.entries(endWorld(ended)).map(([what, how]) => `  ${what}: ${how}`),
    '',
  ].join('\n');
}

function endWorld(ended: Ended): Record<string, string> {
  const end = endOf(ended);
  return typeof end === 'object' && end !== null && 'world' in end ? { ...(end.world as Record<string, string>) } : {};
}

describe('stories end as promised, and are told as written', () => {
  for (const story of stories) {
    it(`${story.ids}: ${story.title}`, async () => {
      const ended = await play(story);
      assertEnd(story, ended);
      const file = new URL(`${story.name}.txt`, folder);
      const text = textOf(story, ended);
      if (process.env['UPDATE_GOLDEN'] === '1') {
        await mkdir(folder, { recursive: true });
        await writeFile(file, text);
        return;
      }
      assert.equal(text, await readFile(file, 'utf8'));
    });
  }

  it('has a name of its own for every story', () => {
    assert.equal(new Set(stories.map((story) => story.name)).size, stories.length);
  });
});
