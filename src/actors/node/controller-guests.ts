// For the metadata service of a compute member: who asks, and what they may know, by way of controllers. A guest learns
// nothing of others: controllers answer for servers that are granted to this host, and the address tells which one.
import type { InstanceMetadata } from '../domain/instance-metadata.ts';
import type { ControllerLink } from './controller-link.ts';
import { answerOf } from './wire.ts';

/** Guests ask again when they get no answer; none of them waits for longer. */
const ASK_MS = 10_000;

export class ControllerGuests {
  readonly #link: ControllerLink;

  constructor(link: ControllerLink) {
    this.#link = link;
  }

  /** The server that reached this host's address `local` from `remote`. Rejects with a RuntimeFault if nobody can tell now. */
  async guestAt(local: string, remote: string): Promise<string | undefined> {
    const options = { deadlineMs: ASK_MS };
    return answerOf('guest', await this.#link.request('node.guest', { local, remote }, options))
      .serverId;
  }

  async savePassword(serverId: string, password: string): Promise<void> {
    const command = { type: 'instance.save-password', password };
    const asked = { kind: 'instance', id: serverId, command, deadlineMs: ASK_MS };
    await this.#link.request('node.ask', asked, { deadlineMs: ASK_MS });
  }

  async metadataFor(serverId: string): Promise<InstanceMetadata | undefined> {
    const options = { deadlineMs: ASK_MS, lane: 'bulk' } as const;
    const answer = await this.#link.request('node.metadata', { serverId }, options);
    return answerOf('metadata', answer).metadata as InstanceMetadata | undefined;
  }
}
