import { KubeError, isConflict } from '../kube/kube-error.ts';
import type { KubeClient } from '../kube/types.ts';
import { PauseError, RetryError, TerminalError } from '../shared/errors.ts';
import type { RunContext } from './contract.ts';

/** The client for the user's objects: as the run's user when it names one. */
export function userClient(client: KubeClient, context: Pick<RunContext, 'user'>): KubeClient {
  return context.user === undefined ? client : client.as(context.user);
}

/**
 * What a failed call means for the run: what the server refuses as wrong stays wrong, everything else may pass.
 * Errors of other kinds, and those that are decided already, stay as they are.
 */
export function meaningOf(error: unknown, doing: string): unknown {
  if (!(error instanceof KubeError)) return error;
  const message = `${doing}: ${error.message}`;
  const { status } = error;
  // Waits for a person until the step's deadline: a missing permission is granted faster than an upgrade is undone.
  if (status === 403)
    return new RetryError('Forbidden', `${message}; grant the permission`, { cause: error, afterMs: 10_000 });
  if (status === 422 || status === 400) return new PauseError('RefusedByServer', message, { cause: error });
  const reason = reasonOf(error);
  return new RetryError(reason, message, {
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { afterMs: error.retryAfterMs }),
  });
}

function reasonOf(error: KubeError): string {
  switch (error.status) {
    case 409:
      return 'Conflict';
    case 404:
      return 'ObjectMissing';
    case 401:
    case 429:
      return 'ApiRefused';
    default:
      return 'ApiUnavailable';
  }
}

/** Runs one driver call and gives its failure the meaning for the run. */
export async function call<T>(doing: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  try {
    return await run();
  } catch (error) {
    throw meaningOf(error, doing);
  }
}

/** Looks at all of them at once and writes on one after the other, in the order given: see {@link writeOn}. */
export async function writeOnEach<Name, Seen>(
  names: readonly Name[],
  look: (name: Name) => Promise<Seen>,
  write: (name: Name, seen: Seen) => Promise<void>,
): Promise<void> {
  const found = await Promise.all(names.map(async (name) => ({ name, seen: await look(name) })));
  for (const { name, seen } of found)
    await writeOn(
      seen,
      () => look(name),
      (now) => write(name, now),
    );
}

/** Writes on what was seen; where somebody else was faster, looks once more and writes on that. */
async function writeOn<T>(seen: T, look: () => Promise<T>, write: (seen: T) => Promise<void>): Promise<void> {
  try {
    await write(seen);
  } catch (error) {
    if (!isConflict(error)) throw error;
    await write(await look());
  }
}

export { PauseError, RetryError, TerminalError };
