// The log of production: one line of JSON per entry, written at once so that a crash loses none, secrets taken out.
// Pino does it; no worker threads, no formatting for people (pipe it through a viewer).
import {
  destination as openDestination,
  pino,
  stdSerializers,
  stdTimeFunctions,
  type Logger,
} from 'pino';

import type { Log } from '../env/env.ts';
import { redactSecrets } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes whole lines, each with its newline. */
export interface LogDestination {
  write(line: string): void;
}

export interface LogOptions {
  /** Entries below it are dropped. */
  readonly level: LogLevel;
  /** Default: standard output. */
  readonly destination?: LogDestination;
}

export function createLog({
  level,
  destination = openDestination({ fd: 1, sync: true }),
}: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: serializeError },
      formatters: {
        level: (label) => ({ level: label }),
        log: redactFields,
      },
    },
    destination,
  );
  return withSafeChildren(logger);
}

/** Pino formats a child's own fields with nobody's formatter. */
function withSafeChildren(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => withSafeChildren(logger.child(redactFields(fields))),
  };
}

/** Appends to a file, made with its directory if need be. */
export function logFile(path: string): LogDestination {
  return openDestination({ dest: path, append: true, mkdir: true, sync: true });
}

function redactFields(fields: object): Record<string, unknown> {
  return redactSecrets(fields) as Record<string, unknown>;
}

/** Errors may carry what was asked, headers and all. */
function serializeError(error: unknown): unknown {
  return error instanceof Error
    ? redactSecrets({ ...stdSerializers.err(error) })
    : redactSecrets(error);
}
