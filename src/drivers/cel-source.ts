/** Where the thread's program is: a file here, its text in the bundle, which is one file (`scripts/build.ts`). */
export const celWorker: URL | string = new URL('./cel-worker.ts', import.meta.url);
