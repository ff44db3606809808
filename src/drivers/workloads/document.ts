import { isMap, isScalar, parseDocument } from 'yaml';
import { TerminalError } from '../../shared/errors.ts';
import type { SettingChange, SettingRef } from '../../planner/effects.ts';

/** One format of configuration document: reads and changes single values and leaves everything else as it stands. */
interface Format {
  get(text: string, path: string): string | undefined;
  set(text: string, path: string, value: string): string;
  remove(text: string, path: string): string;
}

/**
 * The document after the change. `add` never overwrites.
 * @throws TerminalError the document cannot be read, or the place in it is no place for a value
 */
export function changeDocument(text: string, change: SettingChange): string {
  const format = formats[change.format];
  const now = format.get(text, change.path);
  if (change.mode === 'remove') return now === undefined ? text : format.remove(text, change.path);
  if (now === change.value || (change.mode === 'add' && now !== undefined)) return text;
  return format.set(text, change.path, change.value);
}

/** Does the document already say what the change wants? */
export function isAsWanted(text: string, change: SettingChange): boolean {
  const now = formats[change.format].get(text, change.path);
  if (change.mode === 'remove') return now === undefined;
  return change.mode === 'add' ? now !== undefined : now === change.value;
}

const text: Format = {
  get: (document) => document,
  set: (_document, _path, value) => value,
  remove: () => '',
};

/** Section and key: the last part is the key, the parts before it name the section. */
function iniPlace(path: string): { section: string; key: string } {
  const at = path.lastIndexOf('/');
  return { section: at < 0 ? '' : path.slice(0, at), key: path.slice(at + 1) };
}

interface IniLine {
  readonly section: string;
  readonly key: string | undefined;
  readonly value: string;
  /** Everything up to the value, kept as it was written. */
  readonly head: string;
}

function iniLines(lines: readonly string[]): IniLine[] {
  let section = '';
  return lines.map((line) => {
    const title = /^\s*\[([^\]]*)\]/.exec(line)?.[1];
    if (title !== undefined) section = title.trim();
    const entry = title === undefined ? /^(\s*([^#;=\s][^=]*?)\s*=[ \t]*)([^\n]*)$/.exec(line) : null;
    return { section, key: entry?.[2], value: entry?.[3]?.trim() ?? '', head: entry?.[1] ?? '' };
  });
}

const ini: Format = {
  get(document, path) {
    const place = iniPlace(path);
    return iniLines(document.split('\n')).find((line) => line.section === place.section && line.key === place.key)
      ?.value;
  },
  set(document, path, value) {
    const place = iniPlace(path);
    const lines = document.split('\n');
    const parsed = iniLines(lines);
    const at = parsed.findIndex((line) => line.section === place.section && line.key === place.key);
    if (at >= 0) return lines.with(at, `${parsed[at]?.head ?? ''}${value}${carriageReturn(lines[at])}`).join('\n');
    const written = `${place.key} = ${value}`;
    const last = parsed.findLastIndex((line, index) => line.section === place.section && lines[index]?.trim() !== '');
    if (last >= 0 || place.section === '') return lines.toSpliced(last + 1, 0, written).join('\n');
    return `${document.replace(/\n*$/, document.trim() === '' ? '' : '\n')}[${place.section}]\n${written}\n`;
  },
  remove(document, path) {
    const place = iniPlace(path);
    const lines = document.split('\n');
    const parsed = iniLines(lines);
    return lines
      .filter((_, index) => parsed[index]?.section !== place.section || parsed[index]?.key !== place.key)
      .join('\n');
  },
};

function carriageReturn(line: string | undefined): string {
  return line?.endsWith('\r') === true ? '\r' : '';
}

function propertyOf(line: string): { head: string; key: string; value: string } | undefined {
  const match = /^(\s*([^#!\s=:][^=:\s]*)[ \t]*[=: \t][ \t]*)([^\n]*)$/.exec(line);
  return match === null ? undefined : { head: match[1] ?? '', key: match[2] ?? '', value: match[3]?.trim() ?? '' };
}

/** Keys are flat: the whole path is the key. */
const properties: Format = {
  get: (document, path) =>
    document
      .split('\n')
      .map(propertyOf)
      .findLast((line) => line?.key === path)?.value,
  set(document, path, value) {
    const lines = document.split('\n');
    const at = lines.findLastIndex((line) => propertyOf(line)?.key === path);
    if (at >= 0)
      return lines
        .with(at, `${propertyOf(lines[at] ?? '')?.head ?? ''}${value}${carriageReturn(lines[at])}`)
        .join('\n');
    return `${document}${document === '' || document.endsWith('\n') ? '' : '\n'}${path}=${value}\n`;
  },
  remove: (document, path) =>
    document
      .split('\n')
      .filter((line) => propertyOf(line)?.key !== path)
      .join('\n'),
};

/** A value keeps the kind it has: a number stays a number where the new text is one. New values are strings. */
function sameKind(before: unknown, value: string): unknown {
  if (typeof before !== 'number' && typeof before !== 'boolean' && before !== null) return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === typeof before ? parsed : value;
  } catch {
    return value;
  }
}

type Branch = Record<string, unknown>;

function isBranch(value: unknown): value is Branch {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readJson(document: string): Branch {
  if (document.trim() === '') return {};
  try {
    const parsed: unknown = JSON.parse(document);
    if (isBranch(parsed)) return parsed;
  } catch (error) {
    throw new TerminalError('ConfigUnreadable', 'the document is not JSON; mend it or correct its format', {
      cause: error,
    });
  }
  throw new TerminalError('ConfigUnreadable', 'the JSON document is not an object; only objects have named values');
}

function writeJson(document: string, value: Branch): string {
  const indent =
    /^[{[]\r?\n([ \t]+)/.exec(document.trimStart())?.[1] ??
    (document.includes('\n') || document.trim() === '' ? '  ' : '');
  return `${JSON.stringify(value, null, indent)}${document.endsWith('\n') ? '\n' : ''}`;
}

/** The object that holds the last part; made on the way when `create`. */
function parentOf(root: Branch, path: string, create: boolean): { parent: Branch; key: string } | undefined {
  const parts = path.split('/');
  let parent = root;
  for (const part of parts.slice(0, -1)) {
    const next = Object.hasOwn(parent, part) ? parent[part] : undefined;
    if (isBranch(next)) parent = next;
    else if (!create) return undefined;
    else if (next !== undefined)
      throw new TerminalError(
        'ConfigUnreadable',
        `"${part}" of "${path}" holds a value, not an object; correct the path`,
      );
    else parent = Object.assign(parent, { [part]: {} })[part] as Branch;
  }
  return { parent, key: parts.at(-1) ?? '' };
}

const json: Format = {
  get(document, path) {
    const place = parentOf(readJson(document), path, false);
    const value = place === undefined || !Object.hasOwn(place.parent, place.key) ? undefined : place.parent[place.key];
    return value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);
  },
  set(document, path, value) {
    const root = readJson(document);
    const place = parentOf(root, path, true);
    if (place !== undefined) place.parent[place.key] = sameKind(place.parent[place.key], value);
    return writeJson(document, root);
  },
  remove(document, path) {
    const root = readJson(document);
    const place = parentOf(root, path, false);
    if (place !== undefined) delete place.parent[place.key];
    return writeJson(document, root);
  },
};

function readYaml(document: string): ReturnType<typeof parseDocument> {
  const parsed = parseDocument(document);
  if (parsed.errors.length > 0)
    throw new TerminalError('ConfigUnreadable', `the document is not YAML: ${parsed.errors[0]?.message ?? ''}`);
  if (parsed.contents !== null && !isMap(parsed.contents))
    throw new TerminalError('ConfigUnreadable', 'the YAML document is not a mapping; only mappings have named values');
  return parsed;
}

/** Comments and order stay: the document is edited, not written anew. */
const yaml: Format = {
  get(document, path) {
    const parsed = readYaml(document);
    const node: unknown = parsed.getIn(path.split('/'), true);
    if (node === undefined) return undefined;
    if (!isScalar(node)) return JSON.stringify(node);
    return typeof node.value === 'string' ? node.value : (node.source ?? JSON.stringify(node.value));
  },
  set(document, path, value) {
    const parsed = readYaml(document);
    parsed.setIn(path.split('/'), sameKind(parsed.getIn(path.split('/')), value));
    return parsed.toString({ lineWidth: 0 });
  },
  remove(document, path) {
    const parsed = readYaml(document);
    parsed.deleteIn(path.split('/'));
    return parsed.toString({ lineWidth: 0 });
  },
};

const formats: Readonly<Record<SettingRef['format'], Format>> = {
  Ini: ini,
  Json: json,
  Yaml: yaml,
  Properties: properties,
  Text: text,
};
