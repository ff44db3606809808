/** A thread that does sweeps, one after the other as they are sent. */
import { parentPort } from 'node:worker_threads';
import { sweep, type SweepReport, type SweepTask } from './sweep.ts';

export type SweepAnswer = { readonly report: SweepReport } | { readonly error: string };

parentPort?.on('message', (task: SweepTask) => {
  sweep(task).then(
    (report) => parentPort?.postMessage({ report } satisfies SweepAnswer, []),
    (error: unknown) => parentPort?.postMessage({ error: String(error) } satisfies SweepAnswer, []),
  );
});
