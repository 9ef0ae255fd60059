// The members that live in one process: a controller and the hosts of its machine. They reach each other directly;
// everybody else, and strangers, through the adapter that each of them has.
import type { Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import type { Hub } from '../hub.ts';
import type { Connector } from '../wire.ts';
import { joinSides, type Side } from './pair.ts';

export class Loopback {
  readonly #env: Env;
  readonly #sides = new Map<MemberId, Side>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** The member's connector, with short ways to those that live here, for as long as it is open. */
  join(hub: Hub, connector: Connector): Connector {
    const side = { id: hub.self, accept: hub.accept.bind(hub) };
    this.#sides.set(side.id, side);
    return {
      addresses: () => connector.addresses(),
      admit: (peers) => connector.admit(peers),
      askStranger: (addresses, message, options) =>
        connector.askStranger(addresses, message, options),
      connect: async (peer) => {
        const neighbour = this.#sides.get(peer.id);
        if (neighbour === undefined) await connector.connect(peer);
        else joinSides(this.#env, side, neighbour);
      },
      close: async () => {
        if (this.#sides.get(side.id) === side) this.#sides.delete(side.id);
        await connector.close();
      },
    };
  }
}
