// What controllers say to a compute member: orders, and questions about guests. The peers of a compute member are
// controllers and nobody else, so who speaks here is known by the link; what may be done is the ledger's matter.
import type { Received } from '#runtime/transport/port.ts';
import type { NodeActor } from './actor.ts';
import { nodeFaultOf } from './faults.ts';
import { cacheImage } from './guest-parts.ts';
import { statisticsOn } from './guests/statistics.ts';
import { NodeFault } from './protocol.ts';
import { type BodyOf, bodyOf, orderOf, wireFaultOf } from './wire.ts';

/** As much as anybody may see of a console. */
const MAX_CONSOLE_BYTES = 1024 ** 2;

export class MemberOrders {
  readonly #node: NodeActor;
  #isOpen = false;

  constructor(node: NodeActor) {
    this.#node = node;
  }

  /** The ledger is in memory: from now on grants can be looked up. */
  open(): void {
    this.#isOpen = true;
  }

  /** The answer for the wire; throws for messages that are none of these. */
  async receive(message: Received): Promise<unknown> {
    switch (message.type) {
      case 'node.perform':
        return this.#answer(() => this.#perform(bodyOf(message, 'node.perform')));
      case 'node.read-disk':
        return this.#answer(async () => ({
          output: await this.#node.readDisk(bodyOf(message, 'node.read-disk')),
        }));
      case 'node.cache-image':
        return this.#answer(async () => this.#cacheImage(bodyOf(message, 'node.cache-image')));
      case 'node.console':
        return this.#answer(() => this.#console(bodyOf(message, 'node.console')));
      case 'node.statistics': {
        const { serverId } = bodyOf(message, 'node.statistics');
        return this.#answer(async () => ({
          statistics: await statisticsOn(this.#node.machine, serverId),
        }));
      }
      default:
        throw new Error(`a compute member does not handle ${message.type}`);
    }
  }

  async #answer(work: () => Promise<unknown>): Promise<unknown> {
    try {
      if (!this.#isOpen)
        throw new NodeFault('host-unreachable', `host ${this.#node.host} is starting`, {
          retryable: true,
        });
      return await work();
    } catch (error) {
      if (error instanceof NodeFault) return { fault: wireFaultOf(error) };
      throw error;
    }
  }

  async #perform(body: BodyOf<'node.perform'>): Promise<unknown> {
    return { report: await this.#node.perform(orderOf(body)) };
  }

  /** Images take long: the answer is that it has begun. */
  #cacheImage({ image, url }: BodyOf<'node.cache-image'>): object {
    const { machine, host } = this.#node;
    cacheImage(machine, image, url).catch((error: unknown) => {
      machine.env.log.warn({ err: error, host, image: image.id }, 'an image was not cached');
    });
    return {};
  }

  async #console({ serverId, maxBytes }: BodyOf<'node.console'>): Promise<unknown> {
    const { hypervisor, storage } = this.#node.machine;
    const most = Math.min(maxBytes, MAX_CONSOLE_BYTES);
    try {
      const { consoleLog: consoleLogPath } = storage.paths(serverId);
      return { output: await hypervisor.consoleOutput({ id: serverId, consoleLogPath }, most) };
    } catch (error) {
      throw nodeFaultOf(error, `Reading the console of server ${serverId}`);
    }
  }
}
