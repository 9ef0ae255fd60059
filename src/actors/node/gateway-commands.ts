// The few commands that a compute member may send to entities, each bound to its own host: registering it, describing
// its provider, telling what it sees of guests under a grant to it, and what they post. Pure.
import type { Static, TObject } from 'typebox';
import { Value } from 'typebox/value';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { fencedGrant, grantOver } from '../instance/fenced.ts';
import { instanceCommands } from '../instance/protocol.ts';
import type { InstanceState } from '../instance/state.ts';
import { providerCommands } from '../provider/protocol.ts';
import { hostCommands, type HostState } from '../topology/protocol.ts';
import type { HostName } from './protocol.ts';
import type { BodyOf } from './wire.ts';

/** What a member may not. `kind` is from a list of ours, never the member's words. */
export class Denied extends Error {
  override readonly name = 'Denied';
  readonly kind: string;
  /** An honest member that has not heard of the end of its guest asks the same. */
  readonly isLate: boolean;

  constructor(message: string, kind: string, options: { readonly isLate?: boolean } = {}) {
    super(message);
    this.kind = kind;
    this.isLate = options.isLate ?? false;
  }
}

export interface KnownWorld {
  readonly env: Pick<Env, 'random'>;
  readonly servers: StateView<InstanceState>;
  readonly hosts: StateView<HostState>;
}

export type Admitted =
  | { readonly command: { readonly type: string } }
  /** Answered without the entity; `suspicion` says that this should not happen to an honest member. */
  | { readonly refusal: Refusal; readonly suspicion?: Denied };

type Asked = BodyOf<'node.ask'>;

/** Throws Denied. */
export function admitCommand(asked: Asked, host: HostName, known: KnownWorld): Admitted {
  switch (asked.command.type) {
    case 'host.register':
      return admitRegister(asked, host, known);
    case 'provider.describe':
      return admitDescribe(asked, host, known);
    case 'instance.left':
      return admitLeft(asked, host);
    case 'instance.observed':
      return admitObserved(asked, host, known);
    case 'instance.save-password':
      return admitPassword(asked, host, known);
    default:
      throw new Denied(
        `a compute member may not send ${asked.command.type.slice(0, 100)}`,
        'another command',
      );
  }
}

/** The ids that it proposes are not taken: they could be those of another host. */
function admitRegister(asked: Asked, host: HostName, { env }: KnownWorld): Admitted {
  const { type } = asked.command;
  const body = shaped(asked, hostCommands['host.register'].body);
  const isOwn = asked.kind === 'host' && asked.id === host;
  if (!isOwn || body.hypervisor.hostname !== host)
    throw new Denied(`host ${host} may not register another one`, type);
  const ids = { serviceId: env.random.uuid(), providerId: env.random.uuid() };
  const command = { ...body, ...ids, type };
  return { command };
}

function admitDescribe(asked: Asked, host: HostName, { hosts }: KnownWorld): Admitted {
  const { type } = asked.command;
  const body = shaped(asked, providerCommands['provider.describe'].body);
  const isOwn = asked.kind === 'provider' && asked.id === hosts.get(host)?.providerId;
  if (!isOwn || body.name !== host)
    throw new Denied(`host ${host} may describe its own provider only`, type);
  return { command: { ...body, type } };
}

/**
 * A report that comes too late is nothing bad. One of a guest that is granted to another host may be a lie, or very
 * late: either way it changes nothing, and the answer is what the instance would give.
 */
function admitObserved(asked: Asked, host: HostName, { servers }: KnownWorld): Admitted {
  const { type } = asked.command;
  const body = shaped(asked, instanceCommands['instance.observed'].body);
  if (asked.kind !== 'instance' || body.host !== host)
    throw new Denied(`host ${host} may not report for another one`, type);
  const server = servers.get(asked.id);
  if (server !== undefined && fencedGrant(server, body) !== undefined)
    return { refusal: grantOver(server, body) };
  const grant = server?.grant;
  if (grant?.host === host) return { command: { ...body, type } };
  const refusal = refuse('instance-late-report', { host, runEpoch: body.runEpoch });
  if (grant === undefined) return { refusal };
  const message = `server ${asked.id} is granted to another host than ${host}`;
  return { refusal, suspicion: new Denied(message, `${type} of another host’s guest`) };
}

/** Of a guest that runs there, which posted it to the host's metadata service. */
function admitPassword(asked: Asked, host: HostName, { servers }: KnownWorld): Admitted {
  const { type } = asked.command;
  const body = shaped(asked, instanceCommands['instance.save-password'].body);
  const grant = servers.get(asked.id)?.grant;
  if (asked.kind !== 'instance' || grant?.host !== host) {
    const isLate = asked.kind === 'instance' && grant === undefined;
    throw new Denied(`server ${asked.id} is not granted to host ${host}`, type, { isLate });
  }
  return { command: { ...body, type } };
}

/** A host that was fenced says that nothing is left there. */
function admitLeft(asked: Asked, host: HostName): Admitted {
  const { type } = asked.command;
  const body = shaped(asked, instanceCommands['instance.left'].body);
  if (asked.kind !== 'instance' || body.host !== host)
    throw new Denied(`host ${host} may not report for another one`, type);
  return { command: { ...body, type } };
}

/** Only what the command has: nothing else that a member may have put beside it. */
function shaped<T extends TObject>({ command }: Asked, schema: T): Static<T> {
  if (!Value.Check(schema, command))
    throw new Denied(`${command.type} is not of its shape`, `${command.type} of another shape`);
  const own = Object.keys(schema.properties).filter((key) => Object.hasOwn(command, key));
  return Object.fromEntries(own.map((key) => [key, Reflect.get(command, key)])) as Static<T>;
}
