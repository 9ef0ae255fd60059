// What goes wrong inside the journal's worker, in the words in which the main thread will hear it.
import type { FaultReply } from './protocol.ts';

export class StoreFault extends Error {
  override readonly name = 'StoreFault';
  readonly code: FaultReply['code'];

  constructor(code: FaultReply['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html) that mean something particular here. */
const sqliteCodes: Readonly<Record<number, FaultReply['code']>> = {
  11: 'corrupt', // SQLITE_CORRUPT
  13: 'full', // SQLITE_FULL
  26: 'corrupt', // SQLITE_NOTADB
};
const sqliteBusy = 5;

/** Puts any error into words for the caller; `path` is the journal's file. */
export function describeFault(error: unknown, path: string): FaultReply {
  if (error instanceof StoreFault) return { code: error.code, message: error.message };
  const code = sqliteCodeOf(error);
  if (code === sqliteBusy) {
    const message = `${path} is in use by another process; stop that one first`;
    return { code: 'unavailable', message };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { code: sqliteCodes[code ?? 0] ?? 'unavailable', message: `${path}: ${reason}` };
}

/** True when the database connection is no longer to be trusted, so that the worker had better start anew. */
export function isFatal(error: unknown): boolean {
  if (error instanceof StoreFault) return false;
  const code = sqliteCodeOf(error);
  return code === undefined || sqliteCodes[code] !== 'full';
}

function sqliteCodeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}
