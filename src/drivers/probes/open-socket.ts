import { once } from 'node:events';
import type { Socket } from 'node:net';

/** Waits for the event, looks at the socket, and closes it in every case. @throws the socket's error, or why the signal ended it */
export async function lookAtSocket<S extends Socket, T>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  look: (socket: S) => T,
): Promise<T> {
  // Heard for ever: an error after the first one would end the process.
  socket.on('error', () => undefined);
  try {
    await once(socket, event, { signal });
    return look(socket);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    socket.destroy();
  }
}
