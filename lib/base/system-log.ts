import { pino } from 'pino';
import type { Logger as PinoLogger } from 'pino';
import type { Logger } from './log.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Lines that could not be written wait up to this; then new ones are dropped. */
const unwrittenBytesMax = 256 * 1_024;

/** JSON lines on standard error, one object a line, written at once so that a crash loses none. */
export function systemLog(program: string, level: LogLevel = 'info'): Logger {
  const stream = pino.destination({ dest: 2, sync: true, maxLength: unwrittenBytesMax });
  // A full disk under the log, or a reader that is gone, costs lines and never the program.
  stream.on('error', () => undefined);
  return wrap(
    pino(
      { level, base: { program }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      stream,
    ),
  );
}

function wrap(log: PinoLogger): Logger {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    with: (fields) => wrap(log.child(fields)),
  };
}
