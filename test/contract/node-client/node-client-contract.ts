// What every NodeClient promises to those who give orders, wherever the node is. Its adapters: local-nodes, remote-nodes.
import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeClient } from '#actors/node/client.ts';
import type { NodeOrder } from '#actors/node/protocol.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { testImage } from '#test/support/test-image.ts';
import { serverId } from '#test/unit/actors/node/node-world.ts';

export interface NodeClientSubject {
  /** A client of a started host-1, without guests. */
  start(): Promise<void>;
  client(): NodeClient;
  host(): SimulatedHost;
  order(type: NodeOrder['type'], changes?: Partial<NodeOrder>): NodeOrder;
  complete<T>(promise: Promise<T>, what: string): Promise<T>;
  until(condition: () => boolean, what: string): Promise<void>;
}

export function describeNodeClient(subject: NodeClientSubject): void {
  const perform = (order: NodeOrder, host = 'host-1') =>
    subject.complete(subject.client().perform(host, order), order.type);
  const incarnation = () => subject.host().guests.find(serverId)?.incarnation;
  const gone = { power: 'nostate', stopped: true };
  const running = { power: 'running', stopped: false };

  beforeEach(() => subject.start());

  describe('an order', () => {
    it('is carried out, and the report says how it is now', async () => {
      expect(await perform(subject.order('node.build'))).toEqual(running);
      expect(await perform(subject.order('node.pause'))).toEqual({
        power: 'paused',
        stopped: false,
      });
      expect(await perform(subject.order('node.destroy'))).toEqual(gone);
      expect(subject.host().guests.find(serverId)).toBeUndefined();
    });

    it('that is repeated while it is under way is done once', async () => {
      subject.host().faults.next('create', { kind: 'delay', delayMs: 500 });
      const order = subject.order('node.build');
      const both = [order, { ...order }].map((one) => subject.client().perform('host-1', one));
      expect(await subject.complete(Promise.all(both), 'both')).toEqual([running, running]);
      expect(incarnation()).toBe(1);
    });

    it('that is repeated after it was done is answered as before, without doing it', async () => {
      const order = subject.order('node.build');
      await perform(order);
      subject.host().killGuest(serverId);
      expect(await perform(order)).toEqual(running);
      expect(incarnation()).toBe(1);
    });

    it('that fails says so with its code, whether to try again, and words', async () => {
      subject.host().faults.next('create', new HypervisorFault('no-space', 'the disk is full'));
      await expect(perform(subject.order('node.build'))).rejects.toMatchObject({
        name: 'NodeFault',
        code: 'no-space',
        retryable: true,
        message: `Building server ${serverId} on host host-1 failed: the disk is full`,
      });
      await expect(perform(subject.order('node.pause'))).rejects.toMatchObject({
        code: 'not-found',
        retryable: false,
      });
    });

    it('of a grant that is over is refused', async () => {
      await perform(subject.order('node.destroy'));
      await expect(perform(subject.order('node.build'))).rejects.toMatchObject({
        code: 'stale-grant',
        retryable: false,
      });
    });

    it('of an owner whose successor has given one is refused, and changes nothing', async () => {
      await perform(subject.order('node.build', { ownerEpoch: 5 }));
      await perform(subject.order('node.pause', { ownerEpoch: 6 }));
      const late = ['node.unpause', 'node.stop', 'node.reboot', 'node.destroy'] as const;
      for (const type of late)
        await expect(perform(subject.order(type, { ownerEpoch: 5 }))).rejects.toMatchObject({
          code: 'stale-owner',
        });
      expect(subject.host().guests.find(serverId)?.power).toBe('paused');
      expect(await perform(subject.order('node.destroy', { ownerEpoch: 6 }))).toEqual(gone);
    });

    it('to a host that is not there may be given again later', async () => {
      await expect(perform(subject.order('node.build'), 'host-9')).rejects.toMatchObject({
        name: 'NodeFault',
        code: 'host-unreachable',
        retryable: true,
      });
    });
  });

  describe('a host', () => {
    it('is up while it is there and its hypervisor answers', async () => {
      const isUp = () => subject.client().isUp('host-1');
      expect([isUp(), subject.client().isUp('host-9')]).toEqual([true, false]);
      subject.host().loseConnection();
      await subject.until(() => !isUp(), 'the host to be down');
      subject.host().restoreConnection();
      await subject.until(isUp, 'the host to be up');
    });
  });

  describe('an image', () => {
    const cache = (host: string) =>
      subject.complete(subject.client().cacheImage(host, testImage), 'the image');

    it('is fetched before any server wants it, and no second time', async () => {
      await cache('host-1');
      await subject.until(() => subject.host().images.size === 1, 'the image to be there');
      subject.host().faults.next('ensureImage', new HypervisorFault('failed', 'fetched again'));
      await cache('host-1');
      expect(await perform(subject.order('node.build'))).toEqual(running);
    });

    it('for a host that is not there may be sent again later', async () => {
      await expect(cache('host-9')).rejects.toMatchObject({
        code: 'host-unreachable',
        retryable: true,
      });
    });
  });

  describe('a console', () => {
    const read = (host: string, maxBytes: number) =>
      subject.complete(subject.client().consoleOutput(host, serverId, maxBytes), 'the console');

    it('is read from its end', async () => {
      await perform(subject.order('node.build'));
      const whole = await read('host-1', 10_000);
      expect(new TextDecoder().decode(whole)).toContain('login:');
      expect(Buffer.compare(await read('host-1', 5), whole.subarray(-5))).toBe(0);
    });

    it('of a host that is not there may be asked for again later', async () => {
      await expect(read('host-9', 10)).rejects.toMatchObject({ code: 'host-unreachable' });
    });
  });
}
