import { destination, type Logger as PinoLogger, pino } from 'pino';

/** A logger: a fixed message plus fields, one JSON line on stderr. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'> & {
  child(fields: Record<string, unknown>): Logger;
};

/** Levels a process can be told to log from. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** The process's logger. Written synchronously: what was logged before a crash is there after it. */
export function createLogger(name: string, level: (typeof LOG_LEVELS)[number]): Logger {
  return pino(
    {
      name,
      level,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination({ fd: 2, sync: true }),
  );
}
