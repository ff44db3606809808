/** A declared Job as commands: what runs in it is what the operator would have run. Pure. */
import type { JobAction } from '../../api/common.ts';
import { expand } from '../../api/variables.ts';
import { quote } from './text.ts';

export interface JobByHand {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly action: JobAction;
  /** `BELAY_*` without the prefix. */
  readonly facts: Readonly<Record<string, string>>;
  readonly credentialsSecret?: string | undefined;
  /** Runs on this node and no other. */
  readonly node?: string;
}

/** Deletes the one before, creates it, waits for it, shows what it said. */
export function jobLines(job: JobByHand): string[] {
  const { namespace, name, action } = job;
  const create = `kubectl -n ${namespace} create -f -`;
  const container = containerOf(job);
  const env = envOf(job);
  const node = job.node === undefined ? {} : { nodeName: job.node };
  return [
    `kubectl -n ${namespace} delete job ${name} --ignore-not-found`,
    action.podTemplate === undefined
      ? `echo ${quote(JSON.stringify(jobOf(name, { name: job.container, image: action.image, ...container, env }, node)))} | ${create}`
      : [
          `kubectl -n ${namespace} get podtemplate ${action.podTemplate} -o json`,
          `jq --argjson c ${quote(JSON.stringify(container))} --argjson e ${quote(JSON.stringify(env))} ${quote(fromTemplate(name, job.node))}`,
          create,
        ].join(' | '),
    `kubectl -n ${namespace} wait job/${name} --for=condition=complete --timeout=${action.timeout}`,
    `kubectl -n ${namespace} logs job/${name}`,
  ];
}

const fillFrom =
  (facts: JobByHand['facts']) =>
  (text: string): string =>
    expand(text, facts).text;

function containerOf({ action, facts, credentialsSecret }: JobByHand): object {
  const fill = fillFrom(facts);
  return {
    ...(action.command === undefined ? {} : { command: action.command.map(fill) }),
    ...(action.args === undefined ? {} : { args: action.args.map(fill) }),
    ...(credentialsSecret === undefined ? {} : { envFrom: [{ secretRef: { name: credentialsSecret } }] }),
  };
}

function envOf({ action, facts }: JobByHand): object[] {
  const fill = fillFrom(facts);
  return [
    ...Object.entries(facts).map(([key, value]) => ({ name: `BELAY_${key}`, value })),
    ...(action.env ?? []).map(({ name: key, value, secretKeyRef }) =>
      secretKeyRef === undefined ? { name: key, value: fill(value ?? '') } : { name: key, valueFrom: { secretKeyRef } },
    ),
  ];
}

function jobOf(name: string, container: object, node: object): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', ...node, containers: [container] } } },
  };
}

/** The Job in the words of jq: the template with our command and variables in its first container. */
function fromTemplate(name: string, node: string | undefined): string {
  const container =
    '.spec.containers[0] |= (. + ($c | del(.envFrom)) + {env: ((.env // []) + $e), envFrom: ((.envFrom // []) + ($c.envFrom // []))})';
  const place = node === undefined ? '' : ` | .spec.nodeName = ${JSON.stringify(node)}`;
  const template = `(.template | ${container} | .spec.restartPolicy = "Never"${place} | del(.metadata.creationTimestamp))`;
  return `{apiVersion: "batch/v1", kind: "Job", metadata: {name: "${name}"}, spec: {backoffLimit: 0, template: ${template}}}`;
}
