/** What a one-shot Job and its pods show afterwards, for the deployment log. Pure; redacted by whoever hands it out. */
import type { Container, Job, Pod } from '../../kube/objects.ts';
import type { Evidence } from '../contract.ts';

type Fact = readonly [name: string, value: string];

/** What ran, with what, where, and how each pod of it ended. Only variables of our own are shown. */
export function factsOfJob(job: Job, pods: readonly Pod[]): Fact[] {
  const [container] = job.spec.template.spec.containers;
  return [
    ...(container === undefined ? [] : factsOfContainer(container)),
    ...pods.flatMap((pod) => factsOfPod(pod, container?.name ?? '')),
  ];
}

function factsOfContainer({ image = '', command = [], args = [], env = [] }: Container): Fact[] {
  const line = [...command, ...args];
  const ours = env.flatMap(({ name, value }) =>
    name.startsWith('BELAY_') && value !== undefined ? [`${name}=${value}`] : [],
  );
  return [
    ['image', image],
    ['command', line.length === 0 ? 'as the image has it' : JSON.stringify(line)],
    ...(ours.length === 0 ? [] : [['environment', ours.join(' ')] as const]),
  ];
}

function factsOfPod(pod: Pod, container: string): Fact[] {
  const ended = (pod.status?.containerStatuses ?? []).find(({ name }) => name === container)?.state?.terminated;
  const { exitCode, reason, startedAt, finishedAt, message = '' } = ended ?? {};
  const isPlain = reason === undefined || reason === 'Completed' || reason === 'Error';
  return [
    ['pod', pod.metadata.name],
    ...(pod.spec.nodeName === undefined ? [] : [['node', pod.spec.nodeName] as const]),
    ...(startedAt === undefined ? [] : [['began', startedAt] as const]),
    ...(finishedAt === undefined ? [] : [['ended', finishedAt] as const]),
    ['exit code', exitCode === undefined ? 'none: it did not end' : `${exitCode}${isPlain ? '' : ` (${reason})`}`],
    ...(message === '' ? [] : [['said', message.trim()] as const]),
  ];
}

/** The same without what must not be shown, and with a bounded end of the output. */
export function shownEvidence(evidence: Evidence, redact: (text: string) => string, outputBytes: number): Evidence {
  return {
    title: redact(evidence.title),
    facts: evidence.facts.map(([name, value]) => [name, redact(value).slice(0, longestFact).toWellFormed()]),
    output: endOf(redact(evidence.output), outputBytes),
  };
}

const longestFact = 2_048;

/** The last bytes, from the first whole line on. */
export function endOf(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const tail = bytes.subarray(bytes.length - maxBytes).toString('utf8');
  return tail.slice(tail.indexOf('\n') + 1).replace(/^\uFFFD+/, '');
}
