import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../rehearsal/load.ts';

const maxFiles = 1_000;

/**
 * The YAML and JSON files at a path: the file itself, or every file of the folder, sub-folders not included, by name.
 * @throws RangeError nothing to read there
 */
export async function readManifests(path: string): Promise<Manifest[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (cause: unknown) => {
      throw new RangeError(`cannot read ${path}`, { cause });
    },
  );
  const names = isFolder ? await namesIn(path) : [''];
  if (names.length === 0) throw new RangeError(`${path} holds no file that ends in .yaml, .yml or .json`);
  if (names.length > maxFiles) throw new RangeError(`${path} holds more than ${maxFiles} files`);
  const files = names.map((name) => (name === '' ? path : join(path, name)));
  return Promise.all(files.map(async (file) => ({ file, text: await textOf(file) })));
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && /\.(ya?ml|json)$/.test(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new RangeError(`cannot read ${file}`, { cause });
  }
}
