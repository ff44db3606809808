/** May this user decide that? Asked by the controller itself, for clusters without the admission policies (S-41). */
import type { DecisionSpec } from '../api/decision.ts';
import { isForbidden, isNotFound } from '../kube/kube-error.ts';
import type { SubjectAccessReview } from '../kube/objects.ts';
import type { KubeClient, KubeObject, Resource } from '../kube/types.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseInstant } from '../shared/instant.ts';

export interface Asked {
  readonly user: string;
  readonly namespace: string;
  readonly run: string;
  /** Of upgraderuns: see {@link rightsFor}. */
  readonly subresource: string;
}

/**
 * Subresources of upgraderuns that nothing serves: the right to create them all is the right to decide. The choice; the
 * role it is decided in; and to roll back, for a restart that throws data away. A sign-off as Engineer is half of one,
 * which counts only beside that of an administrator: the role is enough for it.
 */
export function rightsFor({ choice, as: role, data }: Pick<DecisionSpec, 'choice' | 'as' | 'data'>): string[] {
  if (choice === 'SignOff' && role === 'Engineer') return ['as-engineer'];
  return [
    choice.toLowerCase(),
    ...(role === undefined ? [] : [`as-${role.toLowerCase()}`]),
    ...(choice === 'Restart' && data === 'Discard' ? ['rollback'] : []),
  ];
}

/**
 * Asks the cluster's authorizer, as the admission policy does, but of the name alone: groups that an identity provider
 * gives are not known, those that follow from the name are.
 * @returns unknown when the controller itself may not ask
 */
export async function mayDecide(
  client: KubeClient,
  { user, namespace, run, subresource }: Asked,
  signal?: AbortSignal,
): Promise<boolean | 'unknown'> {
  const review: SubjectAccessReview = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'LocalSubjectAccessReview',
    metadata: { name: '', namespace },
    spec: {
      user,
      groups: groupsOf(user),
      resourceAttributes: {
        namespace,
        verb: 'create',
        group: 'belay.dev',
        resource: 'upgraderuns',
        subresource,
        name: run,
      },
    },
  };
  const path = `/apis/authorization.k8s.io/v1/namespaces/${namespace}/localsubjectaccessreviews`;
  try {
    const { status } = await client.post<SubjectAccessReview>(path, review, signal);
    return status?.allowed === true;
  } catch (error) {
    if (isForbidden(error)) return 'unknown';
    throw error;
  }
}

function groupsOf(user: string): string[] {
  const [system, kind, namespace] = user.split(':');
  if (user === 'system:anonymous') return ['system:unauthenticated'];
  const account =
    system === 'system' && kind === 'serviceaccount'
      ? ['system:serviceaccounts', `system:serviceaccounts:${namespace ?? ''}`]
      : [];
  return [...account, 'system:authenticated'];
}

/** Which policy of the chart, by its label `belay.dev/policy`. */
export type PolicyName = 'decisions' | 'asked-by';

const policyLabel = 'belay.dev/policy';
/** The API server takes up a new policy after a moment. */
const settleMs = 10_000;

interface Policy extends KubeObject {
  readonly spec: { readonly failurePolicy?: string; readonly matchConditions?: readonly unknown[] };
}

interface Binding extends KubeObject {
  readonly spec: {
    readonly policyName: string;
    readonly validationActions?: readonly string[];
    readonly matchResources?: {
      readonly namespaceSelector?: {
        readonly matchLabels?: Readonly<Record<string, string>>;
        readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
      };
    };
  };
}

function admission<T extends KubeObject>(plural: string, kind: string): Resource<T> {
  return { group: 'admissionregistration.k8s.io', version: 'v1', plural, kind, namespaced: false };
}

export const validatingPolicies = admission<Policy>('validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
export const validatingBindings = admission<Binding>(
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
);

/**
 * Whether a policy of the chart was there, and refused what it could not allow, when something was created in
 * `namespace` at `at`. Only who administers the cluster can make one. What cannot be read is not in force.
 */
export async function wasInForce(
  client: KubeClient,
  name: PolicyName,
  { namespace, at }: { readonly namespace: string; readonly at: EpochMs },
  signal?: AbortSignal,
): Promise<boolean> {
  const selection = { labelSelector: `${policyLabel}=${name}` };
  try {
    const policies = (await client.list(validatingPolicies, selection, signal)).items;
    const bindings = (await client.list(validatingBindings, selection, signal)).items;
    const isOld = ({ metadata }: KubeObject): boolean =>
      metadata.creationTimestamp !== undefined && parseInstant(metadata.creationTimestamp) + settleMs <= at;
    const strict = policies.filter(
      (policy) =>
        isOld(policy) && policy.spec.failurePolicy !== 'Ignore' && (policy.spec.matchConditions ?? []).length === 0,
    );
    return bindings.some(
      (binding) =>
        isOld(binding) &&
        strict.some((policy) => policy.metadata.name === binding.spec.policyName) &&
        binding.spec.validationActions?.includes('Deny') === true &&
        covers(binding, namespace),
    );
  } catch (error) {
    if (isForbidden(error) || isNotFound(error)) return false;
    throw error;
  }
}

/** Selectors of another form than the chart's are not understood, and so do not count. */
function covers({ spec }: Binding, namespace: string): boolean {
  const selector = spec.matchResources?.namespaceSelector;
  if (Object.keys(selector?.matchLabels ?? {}).length > 0) return false;
  return (selector?.matchExpressions ?? []).every(
    ({ key, operator, values }) =>
      key === 'kubernetes.io/metadata.name' && operator === 'In' && values?.includes(namespace) === true,
  );
}
