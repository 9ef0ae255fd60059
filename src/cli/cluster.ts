// `kilonova token create | members | shards | events | leave | member revoke`: questions to the process that runs on the data
// directory, and its answers for people, or with --json for programs.
import type { MemberRow, NewToken, ShardState } from '../control-socket.ts';
import type { FeedLine } from '#runtime/events/feed.ts';
import type {
  ControlArguments,
  EventsArguments,
  LeaveArguments,
  TokenArguments,
} from './arguments.ts';
import { ask, follow } from './control-client.ts';
import { findRunning, hasEnded } from './run-file.ts';
import { readSettings } from './settings.ts';
import { table } from './table.ts';

const MINUTE_MS = 60_000;
const SHORT_ID = 12;
const END_WITHIN_MS = 30_000;

/** Prints the token alone, so that a script can take it; what to do with it goes to standard error. */
export async function createToken(options: TokenArguments): Promise<void> {
  const { data } = await readSettings(options);
  const made = await ask<NewToken>(data, 'POST', '/tokens', { role: options.role });
  if (options.json === true) return say(JSON.stringify(made));
  const minutes = Math.round((made.expiresAtMs - Date.now()) / MINUTE_MS);
  process.stderr.write(
    `for one ${made.role}, within ${minutes} minutes, on its machine: ./kilonova join TOKEN\n`,
  );
  say(made.token);
}

export async function members(options: ControlArguments): Promise<void> {
  const { data } = await readSettings(options);
  const answer = await ask<{ readonly members: readonly MemberRow[] }>(data, 'GET', '/members');
  if (options.json === true) return say(JSON.stringify(answer.members));
  const rows = answer.members.map(({ isSelf, name, role, state, shards, apiUrl, id }) => [
    `${name}${isSelf ? ' (this one)' : ''}`,
    role,
    state,
    role === 'controller' ? shards : '',
    apiUrl ?? '',
    id,
  ]);
  say(table(['NAME', 'ROLE', 'STATE', 'SHARDS', 'APIS', 'ID'], rows));
}

export async function shards(options: ControlArguments): Promise<void> {
  const { data } = await readSettings(options);
  const answer = await ask<{ readonly shards: readonly ShardState[] }>(data, 'GET', '/shards');
  if (options.json === true) return say(JSON.stringify(answer.shards));
  const rows = answer.shards.map(({ shard, state, owner, ownerName, epoch }) => [
    shard,
    state,
    ownerName ?? '-',
    epoch,
    owner === undefined ? '-' : `…${owner.slice(-SHORT_ID)}`,
  ]);
  say(table(['SHARD', 'STATE', 'OWNER', 'EPOCH', 'OWNER ID'], rows));
}

/** Until Ctrl-C: a line for each commit of the cluster. */
export async function events(options: EventsArguments): Promise<void> {
  const { data } = await readSettings(options);
  const path = options.kind === undefined ? '/events' : `/events?kind=${options.kind}`;
  await follow(data, path, (line) => say(options.json === true ? line : inWords(line)));
}

function inWords(line: string): string {
  const told = JSON.parse(line) as FeedLine | { readonly error: string };
  if ('error' in told) return told.error;
  const { atMs, entity, version, events: happened } = told;
  return `${new Date(atMs).toISOString()}  ${entity} v${version}  ${happened.join(', ')}`;
}

export async function leave(options: LeaveArguments): Promise<void> {
  const { data } = await readSettings(options);
  const running = findRunning(data);
  await ask(data, 'POST', '/leave', { force: options.force === true });
  if (running !== undefined && !(await hasEnded(running, END_WITHIN_MS)))
    throw new Error(`process ${running.pid} has left the cluster but does not end: kill it`);
  say(`left the cluster; ${data} is no member's any more`);
}

export async function revoke(member: string, options: ControlArguments): Promise<void> {
  const { data } = await readSettings(options);
  const { name, id } = await ask<MemberRow>(data, 'POST', '/revoke', { member });
  say(`revoked ${name} (${id}); its key is never accepted again`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
