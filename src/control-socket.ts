// Where a member's owner reaches the running process: a socket in the data directory. The kernel takes no path of more
// than 107 bytes for one, so a longer one is written by way of an open directory (proc(5), /proc/self/fd).
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** What is asked there, for those who ask. */
export type { MemberRow, NewToken, ShardState } from '#api/admin/cluster-admin.ts';
export type { ExplainedServer } from '#api/admin/explain-plugin.ts';

const MAX_PATH_BYTES = 107;
const fileName = 'control.sock';

export interface SocketPath {
  readonly path: string;
  /** The path is good until then. */
  release(): void;
}

export function controlSocket(data: string): SocketPath {
  const path = join(data, fileName);
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return { path, release: () => undefined };
  const directory = openSync(data, 'r');
  return { path: `/proc/self/fd/${directory}/${fileName}`, release: () => closeSync(directory) };
}
