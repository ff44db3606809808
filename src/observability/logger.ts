import { destination, pino, stdSerializers, stdTimeFunctions, type Logger as Pino } from 'pino';
import type { Logger } from '../shared/logger.ts';

/** JSON lines on standard output, written at once: nothing is lost when the process is killed. */
export function createLogger(level: string): Logger {
  return wrap(
    pino(
      {
        level,
        base: null,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { err: stdSerializers.err },
        redact: {
          paths: ['*.authorization', '*.token', '*.password', 'authorization', 'token', 'password'],
          censor: '[redacted]',
        },
      },
      destination({ sync: true }),
    ),
  );
}

function wrap(inner: Pino): Logger {
  return {
    debug: (message, fields) => inner.debug(fields ?? {}, message),
    info: (message, fields) => inner.info(fields ?? {}, message),
    warn: (message, fields) => inner.warn(fields ?? {}, message),
    error: (message, fields) => inner.error(fields ?? {}, message),
    child: (fields) => wrap(inner.child(fields)),
  };
}
