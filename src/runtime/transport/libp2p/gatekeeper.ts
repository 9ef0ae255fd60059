// Who may connect: peers, and, if strangers are answered, anyone with the network's key, at a bounded rate and for one
// question. Handshakes that fail are told once per host: without the network's key nothing else is known of them.
import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface';

import type { Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';

export interface GatekeeperOptions {
  readonly env: Env;
  readonly isPeer: (id: MemberId) => boolean;
  readonly areStrangersAnswered: () => boolean;
  readonly noteOnce: (id: string, what: string) => void;
}

/** Strangers that are let in within one second. */
const strangersPerSecond = 20;

export class Gatekeeper {
  readonly #options: GatekeeperOptions;
  readonly #known = new WeakSet<MultiaddrConnection>();
  #secondStartMs = Number.NEGATIVE_INFINITY;
  #strangers = 0;

  constructor(options: GatekeeperOptions) {
    this.#options = options;
  }

  readonly gater: ConnectionGater = {
    denyInboundConnection: (connection) => {
      const host = hostOf(connection);
      connection.addEventListener('close', () => {
        if (!this.#known.has(connection))
          this.#options.noteOnce(
            host,
            'its handshake did not succeed: it has another network key, is no member at all, or broke off',
          );
      });
      return false;
    },
    denyInboundEncryptedConnection: (peer, connection) => {
      this.#known.add(connection);
      const id = peer.toString();
      const { isPeer, areStrangersAnswered, noteOnce } = this.#options;
      if (isPeer(id)) return false;
      if (!areStrangersAnswered()) {
        noteOnce(id, 'it is no peer of this member, or no longer');
        return true;
      }
      if (this.#countStranger()) return false;
      noteOnce(id, 'too many strangers at the same time');
      return true;
    },
  };

  #countStranger(): boolean {
    const nowMs = this.#options.env.clock.monotonic();
    if (nowMs - this.#secondStartMs >= 1000) {
      this.#secondStartMs = nowMs;
      this.#strangers = 0;
    }
    this.#strangers += 1;
    return this.#strangers <= strangersPerSecond;
  }
}

/** Without the port, which is another one each time. */
function hostOf({ remoteAddr }: MultiaddrConnection): string {
  return remoteAddr.toString().replace(/\/tcp\/.*$/, '');
}
