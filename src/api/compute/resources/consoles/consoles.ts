// Ways to a server's console: `POST /servers/{id}/remote-consoles` and the actions before it give a URL with a token,
// `GET /os-console-auth-tokens/{token}` says to whoever serves that URL where the token leads. The kinds that this cloud
// has are noVNC and the serial line; asking for another is Nova's 400.
import { createHash } from 'node:crypto';
import { authorizationOf } from '#actors/console/core.ts';
import { bucketOf, type ConsoleAuthorization, consoleTokens } from '#actors/console/protocol.ts';
import { badRequest, ComputeFault, conflict, notFound } from '../../envelope.ts';
import type { ComputeAction, ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { consoleAction, createConsole, showToken } from './console-schemas.ts';

/** Nova's `[consoleauth] token_ttl`. */
const TOKEN_LIFETIME_MS = 600_000;

interface ConsoleKind {
  readonly protocol: string;
  readonly type: string;
}

/** Where each kind is served below the cloud's address; the path that Nova's clients look for. */
const places: Readonly<Record<string, (token: string) => string>> = {
  'vnc novnc': (token) => `/console/vnc_auto.html?path=%3Ftoken%3D${token}`,
  'serial serial': (token) => `/console/serial?token=${token}`,
};

const policy = 'os-remote-consoles';

export const consoleRoutes: readonly ComputeRoute[] = [
  {
    method: 'POST',
    path: '/servers/:server_id/remote-consoles',
    since: 6,
    target: 'server',
    body: createConsole,
    policy,
    handler: async (call) => {
      const { remote_console: kind } = call.body as { readonly remote_console: ConsoleKind };
      const url = await openConsole(call, kind);
      return { remote_console: { protocol: kind.protocol, type: kind.type, url } };
    },
  },
  {
    method: 'GET',
    path: '/os-console-auth-tokens/:token',
    query: showToken,
    policy: 'os-console-auth-tokens',
    handler: checkToken,
  },
];

export const consoleActions: readonly ComputeAction[] = [
  action('os-getVNCConsole', 'vnc', ['novnc', 'xvpvnc']),
  action('os-getSPICEConsole', 'spice', ['spice-html5']),
  action('os-getSerialConsole', 'serial', ['serial']),
];

function action(name: string, protocol: string, types: readonly string[]): ComputeAction {
  return {
    name,
    until: 5,
    policy,
    body: consoleAction(name, ...types),
    handler: async (call) => {
      const { type } = (call.body as Readonly<Record<string, { readonly type: string }>>)[name] ?? {
        type: '',
      };
      return { console: { type, url: await openConsole(call, { protocol, type }) } };
    },
  };
}

async function openConsole(call: ComputeCall, kind: ConsoleKind): Promise<string> {
  const { id, grant } = call.server;
  const place = places[`${kind.protocol} ${kind.type}`];
  if (place === undefined) throw badRequest(`Unavailable console type ${kind.type}.`);
  if (grant === undefined || call.server.vmState === 'building')
    throw conflict(`Instance ${id} is not ready`);
  const token = call.context.env.random.uuid();
  const hash = hashOf(token);
  const authorization = {
    hash,
    serverId: id,
    protocol: kind.protocol,
    consoleType: kind.type,
    host: grant.host,
    runEpoch: grant.runEpoch,
  };
  await ask(call, consoleTokens.ref(bucketOf(hash)), {
    type: 'console.authorize',
    authorization,
    lifetimeMs: TOKEN_LIFETIME_MS,
  });
  const base = new URL(call.bookmarkBase).origin;
  const url = `${base}${place(token)}`;
  return kind.protocol === 'serial' ? url.replace(/^http/, 'ws') : url;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Until 2.30 only RDP consoles were told, and there are none. There is no TCP port: consoles are streams of a host. */
async function checkToken(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  const found = findAuthorization(call, call.params['token'] ?? '');
  if (found === undefined) throw notFound('Token not found');
  if (!call.from(31))
    throw new ComputeFault(401, 'The requested console type details are not accessible');
  const { serverId, host } = found;
  return {
    console: {
      instance_uuid: serverId,
      host: call.context.hosts.get(host)?.hypervisor?.hostIp ?? host,
      port: null,
      internal_access_path: null,
      ...(call.from(99) ? { tls_port: null } : {}),
    },
  };
}

/** A token is over with its time, with its server, and when the guest runs under another grant. */
function findAuthorization(call: ComputeCall, token: string): ConsoleAuthorization | undefined {
  const { consoleTokens: tokens, servers, env } = call.context;
  const hash = hashOf(token);
  const found = authorizationOf(tokens.get(bucketOf(hash)), hash, env.clock.now());
  if (found === undefined) return undefined;
  const grant = servers.get(found.serverId)?.grant;
  const isStanding = grant?.host === found.host && grant.runEpoch === found.runEpoch;
  return isStanding ? found : undefined;
}
