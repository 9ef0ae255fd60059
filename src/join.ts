// A newcomer's side of joining: asks the controllers that the token names, one after the other, and keeps what it is told
// in the data directory, so that `up` starts the member from then on.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hostname } from 'node:os';
import type { Config, PartialConfig } from '#config/schema.ts';
import { realEnv } from '#runtime/env/real.ts';
import type { MemberRole } from '#runtime/membership/store.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { type Transport, TransportFault } from '#runtime/transport/port.ts';
import { joinMessage, type JoinReply, joinReplyOf } from './join-messages.ts';
import { decodeToken, type JoinToken } from './join-token.ts';
import { readMemberFile, refuseEmbedded, writeMemberFile, writePrivate } from './member-file.ts';
import { identityKeyOf, openMemberTransport, portOf } from './member-transport.ts';

export interface JoinWish {
  readonly token: string;
  /** As said; must be the token's. */
  readonly role: MemberRole | undefined;
  readonly name: string | undefined;
  /** What the new member's process would be started with, but for what it is told here. */
  readonly config: Config;
  /** What the command line said, to be kept for later starts. */
  readonly said: PartialConfig;
}

export interface JoinAnswer {
  readonly name: string;
  readonly role: MemberRole;
  readonly cluster: string;
}

const ASK_MS = 10_000;

/** Rejects in words; then the directory is as before but for a key pair, with which it may be tried again. */
export async function joinCluster(wish: JoinWish): Promise<JoinAnswer> {
  const token = decodeToken(wish.token);
  const { config } = wish;
  const { data } = config;
  refuse(wish, token);
  mkdirSync(data, { recursive: true });
  const transportSettings = transportOf(config, token);
  const transport = await openMemberTransport({
    env: realEnv(silentLog),
    settings: transportSettings,
    storeUrl: undefined,
    identityKey: await identityKeyOf(data),
    networkKey: token.networkKey,
    incarnation: 1,
    isListening: token.role === 'controller',
  });
  let reply: JoinReply;
  let port: number | undefined;
  try {
    reply = await ask(transport, token, nameOf(wish, token));
    port = portOf(transport);
  } finally {
    await transport.close();
  }
  const listen = { ...transportSettings.listen, ...(port === undefined ? {} : { port }) };
  keep(data, { token, reply, wish, transport: { ...transportSettings, listen } });
  const { name, role, cluster } = reply;
  return { name, role, cluster };
}

function refuse({ config, role }: JoinWish, token: JoinToken): void {
  const member = readMemberFile(config.data);
  if (member !== undefined)
    throw new Error(
      `${config.data} is the directory of member ${member.name} already: start it with ./kilonova up --data ${config.data}, or name another one with --data`,
    );
  refuseEmbedded(config.data);
  if (role !== undefined && role !== token.role)
    throw new Error(
      `this token is for a ${token.role} member, not for a ${role} member: make one with ./kilonova token create --role ${role}`,
    );
  if (token.role === 'compute' && config.hypervisor.hosts > 1)
    throw new Error('a compute member is one host: join once for each, without --hosts');
}

function transportOf(config: Config, token: JoinToken): Config['cluster']['transport'] {
  const { transport } = config.cluster;
  if (token.transport === undefined) return { ...transport, kind: 'libp2p' };
  return { ...transport, kind: 'redis', redis: transport.redis ?? token.transport };
}

/** A real host is known by its own name; a simulated one, and a controller, by any that is free. */
function nameOf(
  { name, config }: JoinWish,
  { role }: JoinToken,
): { readonly name: string; readonly mayRename: boolean } {
  if (name !== undefined) return { name, mayRename: false };
  const isHost = role === 'compute' && config.hypervisor.kind === 'libvirt';
  return { name: hostname(), mayRename: !isHost };
}

async function ask(
  transport: Transport,
  token: JoinToken,
  { name, mayRename }: ReturnType<typeof nameOf>,
): Promise<JoinReply> {
  const { role, secret } = token;
  const addresses = [...transport.addresses()];
  const message = joinMessage({ secret, role, name, mayRename, addresses });
  const unreached: string[] = [];
  for (const controller of token.controllers) {
    try {
      const answer = await transport.askStranger(controller.addresses, message, {
        deadlineMs: ASK_MS,
      });
      return joinReplyOf(answer);
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      if (error.code === 'refused')
        throw new Error(`the cluster refuses: ${error.message}`, { cause: error });
      unreached.push(`${controller.addresses.join(', ')}: ${error.message}`);
    }
  }
  throw new Error(
    `no controller of the token is reached:\n${unreached.map((line) => `  - ${line}`).join('\n')}\nMend: let this machine reach them (--peer-listen there), or make a new token`,
  );
}

interface Learned {
  readonly token: JoinToken;
  readonly reply: JoinReply;
  readonly wish: JoinWish;
  readonly transport: Config['cluster']['transport'];
}

/** The member file comes last: without it this is no member. */
function keep(data: string, { token, reply, wish, transport }: Learned): void {
  const { role, name, cluster, controllers, shared } = reply;
  if (shared !== undefined)
    writePrivate(
      join(data, 'secrets.json'),
      `${JSON.stringify({ cluster, ...shared.secrets }, undefined, 2)}\n`,
    );
  const { said } = wish;
  const learned = (shared?.settings ?? {}) as PartialConfig;
  writeMemberFile(data, {
    version: 1,
    role,
    name,
    cluster,
    networkKey: token.networkKey,
    controllers,
    settings: {
      ...learned,
      ...said,
      cluster: {
        ...learned.cluster,
        ...said.cluster,
        roles: role === 'controller' ? rolesOf(said) : ['compute'],
        transport,
      },
    },
  });
}

/** A controller that joins has hosts only if that was said. */
function rolesOf({ cluster }: PartialConfig): ('controller' | 'compute')[] {
  const roles = cluster?.roles ?? [];
  return roles.includes('compute') ? ['controller', 'compute'] : ['controller'];
}
