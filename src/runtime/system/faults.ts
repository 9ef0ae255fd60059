// Trouble of the runtime itself, as callers meet it: no answer in time, an actor that is gone or crashed, overload.
// Expected refusals are values (message/refusal.ts), never faults; bugs are assertions (assert.ts).

/**
 * timeout: no answer by the deadline, the outcome is unknown. stopped: the actor or system is gone; not handled.
 * crashed: handling failed. overloaded: the mailbox is full; not handled. unavailable: something below is away.
 * moved: another member owns the entity, or has taken it over meanwhile; ask there, the same command is safe to repeat.
 */
export type RuntimeFaultCode =
  | 'timeout'
  | 'stopped'
  | 'crashed'
  | 'overloaded'
  | 'unavailable'
  | 'moved';

export interface RuntimeFaultOptions {
  /** Whether asking again later may help. Default: true for all but `crashed`. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class RuntimeFault extends Error {
  override readonly name = 'RuntimeFault';
  readonly code: RuntimeFaultCode;
  readonly retryable: boolean;

  constructor(code: RuntimeFaultCode, message: string, options: RuntimeFaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? code !== 'crashed';
  }
}

export function isRuntimeFault(error: unknown, code?: RuntimeFaultCode): error is RuntimeFault {
  return error instanceof RuntimeFault && (code === undefined || error.code === code);
}
