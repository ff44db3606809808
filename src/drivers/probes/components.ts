/** Versions of components that a server tells: reading them from an answer, and comparing them. Pure. Source: 001-34. */
import { isComponentName, maxComponents, maxVersionLength } from '../../api/component.ts';
import type { HttpProbe } from '../../api/probe-suite.ts';
import type { Redactor } from '../jobs/redaction.ts';
import { captureOne, type Judged } from './expectations.ts';

/** Versions by the name of the component. */
export type Versions = Readonly<Record<string, string>>;

type Told = { readonly versions: Versions } | { readonly problem: string };

type Component = NonNullable<HttpProbe['components']>[number];

/** What the answer tells; a version that is not there is a mismatch. */
export function readComponents(components: readonly Component[], judged: Judged): Told {
  const versions: Record<string, string> = {};
  for (const component of components) {
    const found = captureOne(component, judged);
    const problem = 'problem' in found ? found.problem : whyNoVersion(found.text, judged.redactor, found.isPlain);
    if (problem !== '') return { problem: `component ${component.name}: ${problem}` };
    if ('text' in found) versions[component.name] = found.text;
  }
  return { versions };
}

/**
 * `{"components": {"jdk": "21.0.5"}}` in the termination message of a Job. Anything else there is the Job's own
 * affair, and tells nothing.
 */
export function parseComponents(message: string, redactor: Redactor): Told {
  const told = componentsIn(message);
  if (told === undefined) return { versions: {} };
  const refuse = (what: string): Told => ({ problem: `components in the termination message: ${what}` });
  if (typeof told !== 'object' || told === null || Array.isArray(told))
    return refuse('want an object such as {"jdk": "21.0.5"}');
  const entries = Object.entries(told);
  if (entries.length > maxComponents) return refuse(`${entries.length} of them, want at most ${maxComponents}`);
  const versions: Record<string, string> = {};
  for (const [name, version] of entries) {
    if (!isComponentName(name)) return refuse(`${redactor.show(name)} is no name of a component, such as "jdk"`);
    const problem = typeof version === 'string' ? whyNoVersion(version, redactor) : 'want a text';
    if (problem !== '' || typeof version !== 'string') return refuse(`${name}: ${problem}`);
    versions[name] = version;
  }
  return { versions };
}

function componentsIn(message: string): unknown {
  try {
    const parsed: unknown = JSON.parse(message, asWritten);
    return typeof parsed === 'object' && parsed !== null && 'components' in parsed ? parsed.components : undefined;
  } catch {
    return undefined;
  }
}

/** Numbers keep their text: 21.10 is not 21.1. */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
}

/** @param isPlain false: it is null, or something with versions in it */
function whyNoVersion(text: string, redactor: Redactor, isPlain = true): string {
  if (isPlain && text !== '' && text.length <= maxVersionLength && !/\p{Cc}/u.test(text)) return '';
  return `${redactor.show(text)} is no version: want 1 to ${maxVersionLength} characters in one line`;
}

/**
 * What differs from what is wanted, in words; undefined where nothing does. A component that nobody wants is not compared.
 * @param server empty where nobody knows which one answered
 */
export function componentMismatch(
  told: Versions,
  wanted: Versions,
  { server, redactor }: { readonly server: string; readonly redactor: Redactor },
): string | undefined {
  const wrong = Object.entries(told).flatMap(([name, version]) => {
    const want = Object.hasOwn(wanted, name) ? wanted[name] : undefined;
    if (want === undefined || want === version) return [];
    return `component ${name}${server === '' ? '' : ` of ${server}`} is ${redactor.show(version)}, want ${redactor.show(want)} as its Package says`;
  });
  return wrong.length === 0 ? undefined : wrong.slice(0, 3).join('; ');
}

/** Several pods of a server, or several probes, may tell of one component: what they differ in is shown. */
export function mergeVersions(all: readonly Versions[]): Versions {
  const merged = new Map<string, Set<string>>();
  for (const versions of all) {
    for (const [name, version] of Object.entries(versions)) {
      if (merged.size >= maxComponents && !merged.has(name)) continue;
      merged.set(name, (merged.get(name) ?? new Set()).add(version));
    }
  }
  return Object.fromEntries(
    [...merged].map(([name, versions]) => [name, [...versions].join(', ').slice(0, maxVersionLength)]),
  );
}
