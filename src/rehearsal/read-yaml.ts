/** YAML as kubectl reads it, into one object after another. */
import { parseAllDocuments } from 'yaml';
import { TerminalError } from '../shared/errors.ts';
import { isFields, listAt, textAt } from './core-objects.ts';

export function invalid(file: string, message: string): TerminalError {
  return new TerminalError('InvalidObject', `${file}: ${message}`);
}

/** So often an alias may be followed; kubectl takes about as much. */
const maxAliases = 10_000;

/** @throws TerminalError InvalidObject - it is not YAML, or a document of it is no object */
export function objectsIn(file: string, text: string): unknown[] {
  return parseAllDocuments(text, {
    // As kubectl reads it: `on` and `yes` are true, a number with a leading 0 is octal, and a time is a text.
    version: '1.1',
    customTags: (tags) =>
      tags.filter(
        (tag) => typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME'),
      ),
  }).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw invalid(file, `it is not YAML: ${problem.message.split('\n', 1)[0] ?? ''}`);
    const value = valueOf(file, document);
    if (value === null || value === undefined) return [];
    if (!isFields(value)) throw invalid(file, 'a document of it is no object: wanted apiVersion, kind and metadata');
    return itemsOf(value);
  });
}

function valueOf(file: string, document: { toJS(options: { maxAliasCount: number }): unknown }): unknown {
  try {
    const value = document.toJS({ maxAliasCount: maxAliases });
    // Refuses what holds itself.
    JSON.stringify(value);
    return value;
  } catch (error) {
    const why = error instanceof ReferenceError ? error.message : 'an anchor holds an alias of itself';
    throw invalid(file, `it is not YAML: ${why}`);
  }
}

/** Of a List, and of a StatefulSetList too, whose items are StatefulSets although they need not say so. */
function itemsOf(value: Readonly<Record<string, unknown>>): readonly unknown[] {
  const kind = textAt(value, 'kind');
  if (!kind.endsWith('List') || !Array.isArray(value['items'])) return [value];
  const said = kind === 'List' ? {} : { apiVersion: value['apiVersion'], kind: kind.slice(0, -'List'.length) };
  return listAt(value, 'items').map((item) => (isFields(item) ? { ...said, ...item } : item));
}
