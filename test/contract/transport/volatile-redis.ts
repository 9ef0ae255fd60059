// A redis-server of this test alone, on a unix socket in a directory of its own, that keeps nothing: mailboxes need no
// more. Nobody else can reach it, and no port can be taken.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface VolatileRedis {
  readonly url: string;
  /** Kills it and starts another one at the same place. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startVolatileRedis(): Promise<VolatileRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'kilonova-redis-'));
  const socket = join(folder, 'redis.sock');
  let server = await start(socket, folder);
  const end = async (): Promise<void> => {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  return {
    url: `unix:${socket}`,
    restart: async () => {
      await end();
      server = await start(socket, folder);
    },
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(socket: string, folder: string): Promise<ChildProcess> {
  const settings = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', [...settings, '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('The server is now ready')) resolve();
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`redis-server ended: ${said}`)));
  });
  return server;
}
