import type { Example } from './example.ts';

/** Speaks to the Runtime API of one HAProxy pod, as a person at a terminal would. @returns its answer */
export async function askHaproxy(example: Example, instance: number, commands: string): Promise<string> {
  const script = `const s = require('net').connect(9999, 'haproxy-${instance}.haproxy'); s.write(${JSON.stringify(`${commands}\n`)}); s.pipe(process.stdout)`;
  return example.kubectl(['exec', 'portal-2-0', '--', 'node', '-e', script]);
}

/** Administrative state bits of a server in backend `portal`, by HAProxy pod; 0 means in rotation. */
export async function adminStates(example: Example, server: string): Promise<number[]> {
  return Promise.all(
    [0, 1].map(async (instance) => {
      const answer = await askHaproxy(example, instance, 'show servers state portal');
      const line = answer.split('\n').find((row) => row.split(' ')[3] === server) ?? '';
      return Number(line.split(' ')[6]);
    }),
  );
}
