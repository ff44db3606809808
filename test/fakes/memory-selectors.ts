import type { KubeObject, ListOptions } from '../../src/kube/types.ts';

/** Whether a list or watch with these options shows the object. */
export function isSelected(object: KubeObject, options: ListOptions): boolean {
  if (options.namespace !== undefined && object.metadata.namespace !== options.namespace) return false;
  return (
    matchesLabels(object.metadata.labels ?? {}, options.labelSelector ?? '') &&
    matchesFields(object, options.fieldSelector ?? '')
  );
}

export function matchesLabels(labels: Readonly<Record<string, string>>, selector: string): boolean {
  return splitTerms(selector).every((term) => matchesTerm(labels, term));
}

/** Commas inside the parentheses of "in (a,b)" do not separate terms. */
function splitTerms(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function matchesTerm(labels: Readonly<Record<string, string>>, term: string): boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const value = labels[key];
    const isIn = value !== undefined && list.split(',').some((one) => one.trim() === value);
    return operator === 'in' ? isIn : !isIn;
  }
  const comparison = /^([^=!]+?)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (comparison !== null) {
    const [, key = '', operator, value = ''] = comparison;
    return operator === '!=' ? labels[key] !== value : labels[key] === value;
  }
  return term.startsWith('!') ? labels[term.slice(1).trim()] === undefined : labels[term] !== undefined;
}

function matchesFields(object: KubeObject, selector: string): boolean {
  return splitTerms(selector).every((term) => {
    const [, path = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
    let found: unknown = object;
    for (const segment of path.split('.')) {
      found = typeof found === 'object' && found !== null ? Reflect.get(found, segment) : undefined;
    }
    const isEqual =
      (found === undefined || found === null ? '' : JSON.stringify(found).replace(/^"|"$/g, '')) === value;
    return operator === '!=' ? !isEqual : isEqual;
  });
}
