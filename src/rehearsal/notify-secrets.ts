/** Secrets of `spec.notify` that stand in the files: their values are judged as the controller does before it sends. */
import { lineOf } from '../drivers/line.ts';
import { at, textsAt } from './core-objects.ts';
import type { Loaded } from './load.ts';

/** @returns what keeps a line from being used, one sentence each; keys that are missing are told by whoever names them */
export function notifyProblems({ entries, objects }: Loaded): string[] {
  const names = new Set(objects.sets.flatMap(({ spec }) => (spec.notify ?? []).map(({ secret }) => secret)));
  return entries
    .filter(({ kind, name, object }) => kind === 'Secret' && names.has(name) && at(object, 'apiVersion') === 'v1')
    .flatMap(({ file, name, object }) => {
      const data = valuesOf(object);
      if (data['type'] === undefined || data['url'] === undefined) return [];
      const line = lineOf(data);
      return 'why' in line ? [`${file}: Secret "${name}", which spec.notify names: ${line.why}: ${line.remedy}`] : [];
    });
}

/** `stringData` counts before `data`, as when the API server takes it. */
function valuesOf(object: unknown): Record<string, string> {
  const plain = Object.entries(textsAt(object, 'stringData'));
  const encoded = plain.map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const);
  return { ...textsAt(object, 'data'), ...Object.fromEntries(encoded) };
}
