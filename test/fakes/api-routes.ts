import type { Resource } from '../../src/kube/types.ts';

export interface Route {
  resource: Resource;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** What a path of the Kubernetes API means; undefined for a path of no known kind. */
export function routeOf(path: string, resources: readonly Resource[]): Route | undefined {
  const segments = path.split('/').slice(1).map(decodeURIComponent);
  const group = segments[0] === 'api' ? '' : segments[1];
  const rest = segments.slice(segments[0] === 'api' ? 2 : 3);
  const find = (plural: string | undefined): Resource | undefined =>
    resources.find((one) => one.group === group && one.plural === plural);
  const namespaced = rest[0] === 'namespaces' ? find(rest[2]) : undefined;
  const resource = namespaced ?? find(rest[0]);
  if (resource === undefined) return undefined;
  const [name, subresource] = rest.slice(namespaced === undefined ? 1 : 3);
  return {
    resource,
    ...(namespaced === undefined || rest[1] === undefined ? {} : { namespace: rest[1] }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}
