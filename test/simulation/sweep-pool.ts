import { Worker } from 'node:worker_threads';
import type { SweepReport, SweepTask } from './sweep.ts';
import type { SweepAnswer } from './sweep-worker.ts';

/** Threads that share sweeps: whoever is free takes the next. */
export class SweepPool {
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  constructor(size: number) {
    for (let index = 0; index < size; index += 1) {
      const worker = new Worker(new URL('./sweep-worker.ts', import.meta.url));
      // A thread that waits for work keeps no process alive: where no sweep is asked for, nobody closes the pool.
      worker.unref();
      this.#all.push(worker);
      this.#idle.push(worker);
    }
  }

  /** @throws Error the thread died, or the sweep itself did not work */
  async run(task: SweepTask): Promise<SweepReport> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    try {
      return await ask(worker, task);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, task: SweepTask): Promise<SweepReport> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit).unref();
      act();
    };
    const onMessage = (answer: SweepAnswer): void =>
      settle(() => ('report' in answer ? resolve(answer.report) : reject(new Error(answer.error))));
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (): void => settle(() => reject(new Error(`the thread of ${task.story} ended`)));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit).ref();
    worker.postMessage(task, []);
  });
}
