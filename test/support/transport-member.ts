// A member of a libp2p network as a process of its own, driven by its parent over IPC (member-process.ts starts it).
// Asks are answered with their body, or with how many tells came so far. It ends with its parent.
import { openLibp2pTransport } from '#runtime/transport/libp2p/transport.ts';
import type { Peer } from '#runtime/transport/port.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

export interface MemberStart {
  readonly incarnation: number;
  /** Base64. */
  readonly identityKey: string;
  readonly networkKey: string | undefined;
  readonly listen: readonly string[];
}

export type Order =
  | { readonly order: 'start'; readonly start: MemberStart }
  | { readonly order: 'peers'; readonly peers: readonly Peer[] };

export type Report =
  | { readonly report: 'booted' }
  | { readonly report: 'ready'; readonly self: string; readonly addresses: readonly string[] }
  | { readonly report: 'link'; readonly type: 'up' | 'down'; readonly peer: string };

const report = (what: Report): void => void process.send?.(what);
let setPeers: (peers: readonly Peer[]) => void = () => undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  if (order.order === 'peers') setPeers(order.peers);
  else void start(order.start);
});
report({ report: 'booted' });

async function start({ incarnation, identityKey, networkKey, listen }: MemberStart): Promise<void> {
  const transport = await openLibp2pTransport({
    env: realEnv(silentLog),
    incarnation,
    identityKey: Buffer.from(identityKey, 'base64'),
    networkKey: networkKey === undefined ? undefined : Buffer.from(networkKey, 'base64'),
    listen,
  });
  let tells = 0;
  transport.onMessage(({ type, body }) => {
    if (type === 'test.tell') tells += 1;
    return type === 'test.count' ? tells : body;
  });
  transport.onLink(({ type, peer }) => report({ report: 'link', type, peer }));
  setPeers = (peers) => transport.setPeers(peers);
  report({ report: 'ready', self: transport.self, addresses: transport.addresses() });
}
