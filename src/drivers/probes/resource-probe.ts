import type { ResourceProbe } from '../../api/probe-suite.ts';
import { isForbidden } from '../../kube/kube-error.ts';
import type { KubeObject, Resource } from '../../kube/types.ts';
import { withDeadline } from '../../kube/deadline.ts';
import { parseDuration } from '../../shared/duration.ts';
import { evaluateCel } from '../cel.ts';
import type { TryResult } from './attempts.ts';
import { fill } from './secrets.ts';
import type { TryContext } from './try-context.ts';

/** Passes when the expression holds for the object, as the set's account may read it. */
export async function tryResource(probe: ResourceProbe, context: TryContext): Promise<TryResult> {
  const { clock, values } = context;
  return withDeadline({ clock, afterMs: parseDuration(probe.timeout), signal: context.signal }, async (signal) => {
    const name = fill(probe.name, values);
    const what = `${probe.kind} ${name}`;
    const found = await read(probe, name, context, signal);
    if (typeof found === 'string') return { answer: 'none', message: found };
    const outcome = await evaluateCel(probe.expression, { object: found, values: { ...values } }, { clock, signal });
    switch (outcome.kind) {
      case 'holds':
        return { answer: 'pass', message: '' };
      case 'doesNotHold':
        return { answer: 'fail', message: `${what}: ${probe.expression} does not hold` };
      case 'malformed':
        return { answer: 'none', message: `the expression cannot be read: ${outcome.why}`, final: true };
      case 'noAnswer':
        return { answer: 'none', message: `${what}: the expression has no answer: ${outcome.why}` };
      case 'read':
        return { answer: 'none', message: `${what}: the expression was not evaluated` };
    }
  });
}

/** @returns why there is no object, in words */
async function read(
  probe: ResourceProbe,
  name: string,
  { secrets }: TryContext,
  signal: AbortSignal,
): Promise<KubeObject | string> {
  const resource = resourceOf(probe);
  const at = resource.namespaced ? { namespace: secrets.namespace, name } : { name };
  try {
    const found = await secrets.client.find(resource, at, signal);
    return found ?? `${probe.kind} ${name} does not exist`;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return `${error.message}; grant get on ${resource.plural} to the account of the UpgradeSet`;
  }
}

/** Where the API serves it. */
export function resourceOf({ apiVersion, kind, plural, scope }: ResourceProbe): Resource {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return {
    group: group ?? '',
    version: version ?? 'v1',
    plural: plural ?? pluralOf(kind),
    kind,
    namespaced: scope === 'Namespaced',
  };
}

/** As the API names its kinds by convention. */
function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith('endpoints')) return lower;
  if (/(?:s|x|ch|sh)$/.test(lower)) return `${lower}es`;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}
