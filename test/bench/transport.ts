// Messages between two processes over libp2p, with the network's key: questions 64 at a time, and tells as fast as they
// are taken.
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { createIdentityKey, createNetworkKey } from '#runtime/transport/libp2p/keys.ts';
import { openLibp2pTransport } from '#runtime/transport/libp2p/transport.ts';
import { TransportFault, type Message, type Transport } from '#runtime/transport/port.ts';
import { startMemberProcess } from '#test/support/member-process.ts';

import { ms, quantile, type Row } from './table.ts';

const IN_FLIGHT = 64;
const WARM_UP_MS = 1500;
const MEASURE_MS = 3000;
const WARM_UP_TELLS = 500_000;
const TELLS = 1_000_000;
const DEADLINE_MS = 30_000;

const body = {
  entity: 'instance/2f1c8c2e-7a5b',
  command: { type: 'instance.start', at: 1_234_567 },
};
const question: Message = { type: 'entity.ask', version: 1, body };

export async function transportSpeed(): Promise<readonly Row[]> {
  const networkKey = createNetworkKey();
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const other = await startMemberProcess({
    incarnation: 1,
    identityKey: base64(await createIdentityKey()),
    networkKey: base64(networkKey),
    listen: ['/ip4/127.0.0.1/tcp/0'],
  });
  const transport = await openLibp2pTransport({
    env: realEnv(silentLog),
    incarnation: 1,
    identityKey: await createIdentityKey(),
    networkKey,
    listen: [],
  });
  try {
    transport.onMessage(() => undefined);
    const up = new Promise<void>((resolve) => {
      transport.onLink((event) => {
        if (event.type === 'up') resolve();
      });
    });
    other.setPeers([{ id: transport.self, addresses: [] }]);
    transport.setPeers([other.peer]);
    await up;
    await askFor(transport, other.peer.id, WARM_UP_MS);
    const asked = await askFor(transport, other.peer.id, MEASURE_MS);
    await tellAll(transport, other.peer.id, WARM_UP_TELLS);
    const told = await tellAll(transport, other.peer.id, TELLS);
    return rowsOf(asked, told);
  } finally {
    await transport.close();
    await other.kill();
  }
}

interface Asked {
  readonly perSecond: number;
  readonly times: readonly number[];
}

async function askFor(transport: Transport, to: string, forMs: number): Promise<Asked> {
  const times: number[] = [];
  const startMs = performance.now();
  const askOn = async (): Promise<void> => {
    for (;;) {
      const askedMs = performance.now();
      if (askedMs - startMs >= forMs) return;
      await transport.ask(to, question, { deadlineMs: DEADLINE_MS });
      times.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, askOn));
  return { perSecond: (times.length * 1000) / (performance.now() - startMs), times };
}

/** Messages per second, from the first to the moment when the other side has heard all. */
async function tellAll(transport: Transport, to: string, tells: number): Promise<number> {
  const message: Message = { type: 'test.tell', version: 1, body };
  const before = await countOf(transport, to);
  const startMs = performance.now();
  for (let sent = 0; sent < tells; ) {
    if (transport.tell(to, message)) sent += 1;
    else await new Promise((resolve) => setImmediate(resolve));
  }
  while ((await countOf(transport, to)) !== before + tells);
  return (tells * 1000) / (performance.now() - startMs);
}

/** How many tells the other side has heard; the question stands in line behind them. */
async function countOf(transport: Transport, to: string): Promise<number> {
  const count: Message = { type: 'test.count', version: 1, body: null };
  for (;;)
    try {
      return Number(await transport.ask(to, count, { deadlineMs: DEADLINE_MS }));
    } catch (cause) {
      if (!(cause instanceof TransportFault) || cause.code !== 'overloaded') throw cause;
      await new Promise((resolve) => setImmediate(resolve));
    }
}

function rowsOf({ perSecond, times }: Asked, told: number): readonly Row[] {
  const p50 = quantile(times, 0.5);
  return [
    {
      what: `libp2p ask, two processes, ${IN_FLIGHT} in flight`,
      figure: `${Math.round(perSecond)}/s`,
      bar: '≥ 50000/s',
      isMet: perSecond >= 50_000,
    },
    {
      what: `… p50 (p99 ${ms(quantile(times, 0.99))})`,
      figure: ms(p50),
      bar: '≤ 1 ms',
      isMet: p50 <= 1,
    },
    {
      what: 'libp2p tell, two processes',
      figure: `${Math.round(told)}/s`,
      bar: '≥ 200000/s',
      isMet: told >= 200_000,
    },
  ];
}
