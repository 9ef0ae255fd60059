// Where a Redis is reached, as people write it: redis://[user:password@]host[:port][/database], rediss:// for TLS,
// unix:/path/of/socket; several with commas between them, of which the one that is master serves.
import { JournalFault } from '../journal/port.ts';

export interface RedisAddress {
  /** For people and logs: without the password. */
  readonly label: string;
  readonly host: string | undefined;
  readonly port: number;
  /** Of a unix socket; then there is no host. */
  readonly path: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly hasTls: boolean;
}

const defaultPort = 6379;

/** Throws a JournalFault in words when it can't be read. */
export function parseRedisUrl(text: string): readonly RedisAddress[] {
  const parts = text.split(',').filter((part) => part !== '');
  if (parts.length === 0) throw unreadable(text);
  return parts.map(parseOne);
}

function parseOne(text: string): RedisAddress {
  if (text.startsWith('unix:/')) {
    return { ...nowhere, label: text, path: text.slice('unix:'.length) };
  }
  const url = URL.parse(text.includes('://') ? text : `redis://${text}`);
  const database = Number(url?.pathname.slice(1) ?? 0);
  const isRead =
    url !== null &&
    ['redis:', 'rediss:'].includes(url.protocol) &&
    url.hostname !== '' &&
    Number.isInteger(database);
  if (!isRead) throw unreadable(text);
  const port = url.port === '' ? defaultPort : Number(url.port);
  return {
    label: `${url.protocol}//${url.hostname}:${port}${database === 0 ? '' : `/${database}`}`,
    // Without the brackets of an IPv6 address.
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port,
    path: undefined,
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    database,
    hasTls: url.protocol === 'rediss:',
  };
}

const nowhere: RedisAddress = {
  label: '',
  host: undefined,
  port: 0,
  path: undefined,
  username: undefined,
  password: undefined,
  database: 0,
  hasTls: false,
};

/** Never repeats what it was given: there may be a password in it. */
function unreadable(text: string): JournalFault {
  const scheme = /^[a-z+-]+:/i.exec(text)?.[0] ?? 'none';
  return new JournalFault(
    'unavailable',
    `the address of Redis (scheme: ${scheme}) can't be read; write redis://[user:password@]host[:port][/database], rediss://… for TLS, or unix:/path/of/socket`,
  );
}
