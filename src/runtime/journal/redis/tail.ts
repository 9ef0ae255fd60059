// Follows the log of the store on a connection of its own, which waits in Redis for news. It ends with its connection.
import type { Connection, Reply } from '../../redis/connection.ts';
import { JournalFault } from '../port.ts';
import type { Hearing } from './hearing.ts';
import { positionOf, type StoredRow } from './rows.ts';

const waitMs = 1_000;
/** Few enough that a page of large entries can be held. */
const pageEntries = 128;

/** Resolves when the connection has ended; whatever else goes wrong ends it. */
export async function followTail(
  connection: Connection,
  root: string,
  hearing: Hearing,
): Promise<void> {
  while (!connection.isEnded) {
    try {
      const from = hearing.head;
      const reply = await connection.call(
        'XREAD',
        ['COUNT', pageEntries, 'BLOCK', waitMs, 'STREAMS', `${root}:log`, `0-${from}`],
        waitMs,
      );
      hearing.others(rowsOf(reply));
    } catch (error) {
      if (!connection.isEnded) connection.end(tailFault(error));
      return;
    }
  }
}

function rowsOf(reply: Reply): readonly StoredRow[] {
  if (reply === null) return [];
  const [[, entries]] = reply as unknown as readonly [readonly [string, readonly StreamEntry[]]];
  return entries.map(([id, [, header, , text]]) => ({ position: positionOf(id), header, text }));
}

type StreamEntry = readonly [id: string, fields: readonly ['a', header: string, 't', text: string]];

function tailFault(error: unknown): JournalFault {
  if (error instanceof JournalFault && error.code === 'unavailable') return error;
  const message = 'the log of the store can’t be followed';
  return new JournalFault('unavailable', message, { cause: error });
}
