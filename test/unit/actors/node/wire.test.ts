// Shapes on the wire: what is sent comes out as it was, after MessagePack; what is not of its shape is said in words.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeFault, type NodeOrder } from '#actors/node/protocol.ts';
import {
  answerOf,
  bodyOf,
  controllerFaultIn,
  nodeFaultFrom,
  nodeMessage,
  nodeShapes,
  statisticsFrom,
  orderOf,
  outputFrom,
  reportFrom,
  wireFaultOf,
} from '#actors/node/wire.ts';
import { RuntimeFault } from '#runtime/system/faults.ts';
import { decodeValue, encodeValue } from '#runtime/transport/codec.ts';
import type { Message, Received } from '#runtime/transport/port.ts';
import { canonicalJson } from '#test/support/docs/shape-text.ts';
import { plan, serverId } from './node-world.ts';

const sent = (message: Message): Received => ({
  ...(decodeValue(encodeValue(message)) as Message),
  from: 'controller-1',
  lane: 'control',
});
const order: NodeOrder = {
  type: 'node.build',
  orderId: 'op/build/1',
  serverId,
  runEpoch: 2,
  requestId: 'req-1',
  plan: { ...plan, image: undefined },
};

describe('an order', () => {
  it.each([
    ['without an owner', order],
    ['with an owner that is not known', { ...order, ownerEpoch: undefined }],
    ['with an owner of a store that was set back', { ...order, ownerEpoch: 2 ** 40 + 7 }],
  ])('%s arrives as it was', (_what, one) => {
    const message = sent(nodeMessage('node.perform', { order: one as never }, 'req-1'));
    expect(orderOf(bodyOf(message, 'node.perform'))).toEqual(one);
  });

  it('without a grant is no order', () => {
    const { runEpoch, ...rest } = order;
    const message = sent(nodeMessage('node.perform', { order: rest as never }));
    expect(() => bodyOf(message, 'node.perform')).toThrow(
      'node.perform is not of its shape: /order must have required properties runEpoch',
    );
    expect(runEpoch).toBe(2);
  });
});

describe('a fault', () => {
  it('of a node arrives with its code, and one of another release as trouble of the hypervisor', () => {
    const fault = new NodeFault('no-space', 'full', { retryable: true });
    expect(nodeFaultFrom(wireFaultOf(fault))).toEqual(fault);
    expect(nodeFaultFrom({ code: 'on-fire', message: 'hot', retryable: true })).toEqual(
      new NodeFault('hypervisor', 'hot', { retryable: true }),
    );
  });

  it('is cut to a length that anybody takes', () => {
    const fault = new NodeFault('hypervisor', 'x'.repeat(100_000), { retryable: true });
    expect(() => reportFrom('host-1', { fault: wireFaultOf(fault) })).toThrow(/^x{10000}$/);
  });

  it('of a controller is found in its answer', () => {
    const fault = new RuntimeFault('moved', 'elsewhere');
    expect(controllerFaultIn({ fault: wireFaultOf(fault) })).toEqual(fault);
    expect(controllerFaultIn({ fault: { code: 'new', message: '', retryable: true } })?.code).toBe(
      'unavailable',
    );
    for (const answer of [undefined, {}, { reply: 1 }, { fault: 'broken' }])
      expect(controllerFaultIn(answer)).toBeUndefined();
  });
});

describe('an answer of another shape', () => {
  it.each([
    ['nothing', undefined],
    ['another shape', { report: { power: 'running' } }],
    ['an unknown power state', { report: { power: 'levitating', stopped: false } }],
    ['an inherited one', { report: { power: 'toString', stopped: false } }],
  ])('to an order is trouble with the host: %s', (_what, answer) => {
    expect(() => reportFrom('host-1', answer)).toThrow(
      expect.objectContaining({ code: 'hypervisor', retryable: true }),
    );
  });

  it('to a question about a console is trouble with the host', () => {
    expect(() => outputFrom('host-1', { output: 'login:' })).toThrow('a console without bytes');
    expect(outputFrom('host-1', { output: new Uint8Array([1]) })).toEqual(new Uint8Array([1]));
  });

  it('to a question about what is counted may lack counts, and nothing else', () => {
    const counts = { bytes: 1, packets: null };
    const statistics = {
      cpus: [{ timeNs: 7 }],
      memory: { maximumKiB: 64 },
      disks: [{ target: 'vda' }],
      interfaces: [{ mac: 'm', device: 'tap1', received: counts, sent: {} }],
    };
    expect(statisticsFrom('host-1', { statistics })).toEqual(statistics);
    expect(() => statisticsFrom('host-1', { statistics: { ...statistics, cpus: 1 } })).toThrow(
      'host host-1 answers what makes no sense here',
    );
    const fault = { code: 'not-found', message: 'no such guest', retryable: false };
    expect(() => statisticsFrom('host-1', { fault })).toThrow('no such guest');
  });

  it('of a controller says what is wrong', () => {
    expect(() => answerOf('world', { imageIds: [1], networkIds: [] })).toThrow(
      'the answer (world) is not of its shape: /imageIds/0 must be string',
    );
  });
});

describe('the shapes', () => {
  const goldenPath = join(
    resolve(import.meta.dirname, '../../../..'),
    'test/protocol/node-messages.golden.txt',
  );
  const digestOf = (shape: unknown): string =>
    createHash('sha256').update(canonicalJson(shape)).digest('hex').slice(0, 16);
  const { version, bodies, answers } = nodeShapes;
  const lines = [...Object.entries(bodies), ...Object.entries(answers)]
    .map(([name, shape]) => `${name} ${version} ${digestOf(shape)}`)
    .toSorted();

  it('change with their version only: give wire.ts the next one, then run this with -u', async () => {
    const golden = readFileSync(goldenPath, 'utf8').trim().split('\n');
    const isSame = (line: string): boolean => {
      const [name, number] = line.split(' ');
      const before = golden.find((one) => one.startsWith(`${name} ${number} `));
      return before === undefined || before === line;
    };
    expect(lines.filter((line) => !isSame(line))).toEqual([]);
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(goldenPath);
  });
});
