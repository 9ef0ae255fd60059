// The metadata service of a compute member's host: guests ask here, and controllers are asked what they may know. It listens
// before the member is there, since the host's rules lead guests to its port.
import type { AddressInfo } from 'node:net';
import type { ControllerGuests } from '#actors/node/controller-guests.ts';
import { buildMetadataServer } from '#api/metadata/server.ts';
import type { Config } from '#config/schema.ts';
import type { Env } from '#runtime/env/env.ts';

export class GuestDoor {
  readonly #app: ReturnType<typeof buildMetadataServer>;
  #guests: ControllerGuests | undefined;

  constructor(env: Env) {
    this.#app = buildMetadataServer({
      env,
      guestAt: (local, remote) => this.#guests?.guestAt(local, remote),
      metadataFor: (serverId) => this.#guests?.metadataFor(serverId),
      savePassword: async (serverId, password) => this.#guests?.savePassword(serverId, password),
    });
  }

  use(guests: ControllerGuests): void {
    this.#guests = guests;
  }

  /** The port that was taken; undefined over simulated hosts, whose guests ask nothing. */
  async listen({ hypervisor, network }: Config): Promise<number | undefined> {
    if (hypervisor.kind === 'simulated') return undefined;
    await this.#app.listen({ host: '0.0.0.0', port: network.metadataPort });
    return (this.#app.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return this.#app.close().then(() => undefined);
  }
}
