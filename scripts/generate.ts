/**
 * Writes everything that follows from the code: definitions of the kinds, reference, catalogue of reasons, permissions,
 * and which tests carry which requirement.
 * With --check nothing is written; the exit status is 1 when a file differs.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { renderCrds } from './generate/crds.ts';
import { type RbacNeed, renderRbac } from './generate/rbac.ts';
import { renderReasons, renderReference } from './generate/reference.ts';
import { renderRequirements } from './generate/requirements.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Folders in which every file is ours; others in them are leftovers. */
const ownFolders = ['crds', 'helm/belay/files/crds', 'docs/reference'];

async function rbacNeeds(): Promise<readonly RbacNeed[] | undefined> {
  const source = join(root, 'src/controllers/rbac.ts');
  if (!existsSync(source)) return undefined;
  const declared: { rbacNeeds: readonly RbacNeed[] } = await import(pathToFileURL(source).href);
  return declared.rbacNeeds;
}

/** Content of every generated file, by path from the root. */
export async function renderAll(): Promise<Map<string, string>> {
  const files = new Map([
    ['docs/reasons.md', renderReasons()],
    ['docs/requirements.md', renderRequirements(root)],
  ]);
  for (const [name, content] of renderCrds()) {
    files.set(`crds/${name}`, content);
    files.set(`helm/belay/files/crds/${name}`, content);
  }
  for (const [name, content] of renderReference()) files.set(`docs/reference/${name}`, content);
  const needs = await rbacNeeds();
  if (needs !== undefined) files.set('helm/belay/files/rbac-rules.yaml', renderRbac(needs));
  return files;
}

/** Generated files whose content on disk is another, and files in our folders that nothing generates. */
export function staleFiles(files: ReadonlyMap<string, string>): { differ: string[]; leftOver: string[] } {
  const differ = [...files].filter(([path, content]) => read(path) !== content).map(([path]) => path);
  const present = ownFolders.flatMap((folder) =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [],
  );
  return { differ, leftOver: present.filter((path) => !files.has(path)) };
}

function read(path: string): string | undefined {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
}

function write(files: ReadonlyMap<string, string>, differ: readonly string[], leftOver: readonly string[]): void {
  for (const path of differ) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), files.get(path) ?? '');
    console.log(`wrote ${path}`);
  }
  for (const path of leftOver) {
    rmSync(join(root, path));
    console.log(`removed ${path}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = await renderAll();
  const { differ, leftOver } = staleFiles(files);
  if (!process.argv.includes('--check')) {
    write(files, differ, leftOver);
  } else if (differ.length + leftOver.length > 0) {
    console.error(`not as generated, run "npm run generate": ${[...differ, ...leftOver].join(', ')}`);
    process.exitCode = 1;
  }
}
