// The window of a real yamux stream: given back in halves, and never so late that the sender stands still.
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { Libp2p, Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { afterEach, expect, it } from 'vitest';
import { giveWindowInHalves } from '#runtime/transport/libp2p/window.ts';

const PROTOCOL = '/window/1';
const WINDOW = 256 * 1024;
const MESSAGE = 1024;
const MESSAGES = 2_000;

const nodes: Libp2p[] = [];
afterEach(() => Promise.all(nodes.splice(0).map(async (node) => node.stop())));

async function node(): Promise<Libp2p> {
  const made = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        enableKeepAlive: false,
        streamOptions: { initialStreamWindowSize: WINDOW, maxStreamWindowSize: WINDOW },
      }),
    ],
    connectionMonitor: { enabled: false },
  });
  nodes.push(made);
  return made;
}

interface Heard {
  bytes: number;
  updates: number;
}

/** Sends all messages over one stream, as fast as it takes them; resolves when they are there. */
async function carry(isThrifty: boolean): Promise<Heard> {
  const [from, to] = [await node(), await node()];
  const heard: Heard = { bytes: 0, updates: 0 };
  const whole = new Promise<void>((resolve, reject) => {
    void to.handle(PROTOCOL, (stream: Stream) => {
      if (isThrifty && !giveWindowInHalves(stream)) reject(new Error('not the yamux that we know'));
      const counted = stream as Stream & { sendFrame: (header: { type: number }) => boolean };
      const send = counted.sendFrame.bind(counted);
      counted.sendFrame = (header, ...rest: []) => {
        if (header.type === 1) heard.updates += 1;
        return send(header, ...rest);
      };
      stream.addEventListener('message', ({ data }) => {
        heard.bytes += data.byteLength;
        if (heard.bytes === MESSAGE * MESSAGES) resolve();
      });
    });
  });
  const stream = await from.dialProtocol(to.getMultiaddrs(), PROTOCOL);
  for (let sent = 0; sent < MESSAGES; sent += 1)
    if (!stream.send(new Uint8Array(MESSAGE)))
      await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }));
  await whole;
  return heard;
}

it('is given back every 128 KiB, where libp2p does it after every message', async () => {
  const [thrifty, plain] = [await carry(true), await carry(false)];
  expect(thrifty.bytes).toBe(MESSAGE * MESSAGES);
  expect(thrifty.updates).toBeLessThanOrEqual(1 + (2 * MESSAGE * MESSAGES) / WINDOW);
  expect(plain.updates).toBeGreaterThan(3 * thrifty.updates);
});
