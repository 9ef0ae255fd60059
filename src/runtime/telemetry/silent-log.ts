// A log that says nothing, for tests and for tools whose output is their own.
// It is apart from log.ts so that using it loads no logging library.
import type { Log } from '../env/env.ts';

function say(): void {}

export const silentLog: Log = {
  debug: say,
  info: say,
  warn: say,
  error: say,
  child: () => silentLog,
};
