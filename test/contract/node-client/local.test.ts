// Nodes of the same process under the contract of node clients.
import { afterEach, describe } from 'vitest';
import type { NodeClient } from '#actors/node/client.ts';
import { LocalNodes } from '#actors/node/local-nodes.ts';
import type { NodeOrder } from '#actors/node/protocol.ts';
import { NodeWorld } from '#test/unit/actors/node/node-world.ts';
import { describeNodeClient, type NodeClientSubject } from './node-client-contract.ts';

class LocalSubject implements NodeClientSubject {
  #world: NodeWorld | undefined;
  #nodes = new LocalNodes();

  async start(): Promise<void> {
    const world = new NodeWorld();
    this.#world = world;
    this.#nodes = new LocalNodes();
    const node = world.node();
    this.#nodes.add(node);
    await world.env.complete(node.start(), 'the start');
  }

  dispose(): void {
    this.#world?.dispose();
  }

  client(): NodeClient {
    return this.#nodes;
  }

  host() {
    return this.#started().host;
  }

  order(type: NodeOrder['type'], changes?: Partial<NodeOrder>): NodeOrder {
    return this.#started().order(type, changes);
  }

  complete<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.#started().env.complete(promise, what);
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return this.#started().env.runUntil(condition, what, 60_000);
  }

  #started(): NodeWorld {
    if (this.#world === undefined) throw new Error('not started');
    return this.#world;
  }
}

describe('nodes of this process', () => {
  const subject = new LocalSubject();
  afterEach(() => subject.dispose());
  describeNodeClient(subject);
});
