// Nodes of compute members, over the simulated network, under the contract of node clients.
import { afterEach, describe } from 'vitest';
import type { NodeClient } from '#actors/node/client.ts';
import type { NodeOrder } from '#actors/node/protocol.ts';
import { MemberWorld } from '#test/unit/actors/node/member-world.ts';
import { describeNodeClient, type NodeClientSubject } from './node-client-contract.ts';

class RemoteSubject implements NodeClientSubject {
  #world: MemberWorld | undefined;

  async start(): Promise<void> {
    this.#world = new MemberWorld();
    await this.#world.started();
    this.#world.grant('host-1');
  }

  dispose(): void {
    this.#world?.dispose();
  }

  client(): NodeClient {
    const [controller] = this.#started().controllers;
    if (controller === undefined) throw new Error('no controller');
    return controller.nodes;
  }

  host() {
    return this.#started().host('host-1');
  }

  order(type: NodeOrder['type'], changes?: Partial<NodeOrder>): NodeOrder {
    return this.#started().order(type, changes);
  }

  complete<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.#started().complete(promise, what);
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return this.#started().until(condition, what);
  }

  #started(): MemberWorld {
    if (this.#world === undefined) throw new Error('not started');
    return this.#world;
  }
}

describe('nodes of compute members', () => {
  const subject = new RemoteSubject();
  afterEach(() => subject.dispose());
  describeNodeClient(subject);
});
