// The only way to time, timers, chance, ids and logs. Production takes them from the machine (real.ts);
// the simulator hands in virtual ones, so that one seed gives one trace (DESIGN §4, determinism).

export type Cancel = () => void;

export interface Clock {
  /** Wall time in milliseconds since 1970, for people and API bodies only; it may step. */
  now(): number;
  /** Milliseconds since some fixed moment; never steps. Deadlines and leases use this one. */
  monotonic(): number;
}

export interface Timers {
  /** Calls `fn` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, fn: () => void): Cancel;
  /** Calls `fn` in a later macrotask, after pending promises. */
  soon(fn: () => void): Cancel;
}

export interface Random {
  /** In [0, 1). */
  float(): number;
  /** A version 4 UUID, lower case. */
  uuid(): string;
  bytes(length: number): Uint8Array;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export interface Env {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}
