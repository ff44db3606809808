/** The release before this tree, made from the repository's own history: its chart and its controller. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildControllerImage } from '../portal/images.ts';
import { run, tryRun } from '../cluster/process.ts';
import type { Installable } from './belay.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the clone, so that its sources find the same packages. */
const folder = join(root, '.cache/released');

/** The newest state of the project that was handed out. There are no tags yet. */
const commit = '8d25d925d161be53cb6c2ee06dad873ba6937400';

/** @throws Error when the clone does not hold that commit: a shallow clone cannot tell this story */
export async function previousRelease(): Promise<Installable> {
  const known = await tryRun(['git', '-C', root, 'cat-file', '-e', `${commit}^{commit}`]);
  if (known.code !== 0)
    throw new Error(`commit ${commit} is not in this clone: fetch the whole history (git fetch --unshallow)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, 'tree.tar');
  await run(['git', '-C', root, 'archive', '--output', archive, commit, 'src', 'helm', 'package.json']);
  await run(['tar', '-xf', archive, '-C', folder]);
  return { chart: join(folder, 'helm/belay'), image: await buildControllerImage({ sources: folder, tag: '0.0.9' }) };
}
