// Debian's redis-server as a process of the cluster under test: on a free port of this machine alone, its files in a
// directory of its own, AOF synced at every write, so that kill -9 must lose nothing that was acknowledged.
import { connect } from 'node:net';
import { join } from 'node:path';
import { isThere } from '../debian.ts';
import { ManagedProcess } from './managed-process.ts';

const settings: Readonly<Record<string, string>> = {
  bind: '127.0.0.1',
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
  save: '',
  daemonize: 'no',
};

/** Throws in words if there is no redis-server. */
export function privateRedis(directory: string, port: number): ManagedProcess {
  if (!isThere('redis-server'))
    throw new Error(
      'redis-server is missing: chaos runs on a Redis of its own. As root: apt-get install redis-server',
    );
  const all = { ...settings, port: String(port), dir: directory };
  return new ManagedProcess({
    name: 'redis',
    command: 'redis-server',
    args: Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
    logPath: join(directory, 'redis.log'),
  });
}

/** Whether it answers a PING within the time. */
export function answersPing(port: number, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isAnswered: boolean): void => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once('error', () => end(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
  });
}
