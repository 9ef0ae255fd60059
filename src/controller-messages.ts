// What members say to a controller beside entities and shards, and who answers it. Nobody is answered before the states
// were recovered.
import { instanceDefinition } from '#actors/instance/entity.ts';
import { NodeGateway } from '#actors/node/gateway.ts';
import type { ImageUrls } from '#actors/node/image-urls.ts';
import type { Members } from '#actors/node/members.ts';
import type { RemoteNodes } from '#actors/node/remote-nodes.ts';
import { isRelayType } from '#actors/node/wire.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import type { Cluster } from '#runtime/directory/cluster.ts';
import type { ClusterStore, MemberRecord } from '#runtime/membership/store.ts';
import type { Received } from '#runtime/transport/port.ts';
import type { Assembly } from './assembly.ts';
import { guestsOn, guestWords } from './controller-admin.ts';
import { activeImages, configDriveOf, metadataFor } from './front-door.ts';
import { isForced, LEAVE } from './leave-message.ts';
import type { KnownController } from './member-file.ts';
import type { Neighbours } from './neighbours.ts';
import { UPLOAD, uploadIdOf } from './upload-owners.ts';

export interface MessageDeskParts {
  readonly assembly: Assembly;
  readonly neighbours: Neighbours;
  readonly cluster: Cluster;
  readonly store: ClusterStore;
  readonly members: Members;
  readonly remoteNodes: RemoteNodes;
  readonly urls: ImageUrls;
  readonly controllers: () => readonly KnownController[];
}

export class MessageDesk {
  #parts: MessageDeskParts | undefined;
  #gateway: NodeGateway | undefined;

  open(parts: MessageDeskParts): void {
    this.#parts = parts;
    this.#gateway = gatewayOf(parts);
  }

  /** The answer, or a promise of it; what it throws is for the sender. */
  receive(message: Received, sender: MemberRecord): unknown {
    if (this.#parts === undefined || this.#gateway === undefined)
      throw new Error('this controller is starting');
    switch (message.type) {
      case LEAVE:
        return this.#letGo(this.#parts, message, sender);
      case UPLOAD:
        if (sender.role !== 'controller') throw new Error('only controllers ask for uploads');
        return {
          isLive: this.#parts.neighbours.imageService.uploads.isLive(uploadIdOf(message)),
        };
      default:
        return isRelayType(message.type)
          ? this.#parts.remoteNodes.receive(message, sender)
          : this.#gateway.receive(message, sender);
    }
  }

  /** What it throws is for the owner of the machine to read. */
  async #letGo(
    { assembly, store, cluster }: MessageDeskParts,
    message: Received,
    { id, name, role }: MemberRecord,
  ): Promise<object> {
    if (role !== 'compute') throw new Error('a controller leaves by itself');
    await assembly.entities.barrier();
    if (assembly.entities.isStale) throw new Error('the store is away; leave when it is back');
    const guests = guestsOn(assembly.entities.view(instanceDefinition), name);
    if (guests > 0 && !isForced(message)) throw new Error(guestWords(name, guests));
    await store.remove(id);
    // Its link ends with the table; the answer is on its way by then.
    assembly.env.timers.soon(() => void cluster.membership.refresh());
    return {};
  }
}

function gatewayOf(parts: MessageDeskParts): NodeGateway {
  const { assembly, neighbours, members, remoteNodes, urls, controllers } = parts;
  const { env, router, entities } = assembly;
  return new NodeGateway({
    env,
    router,
    views: entities,
    members,
    servers: entities.view(instanceDefinition),
    hosts: entities.view(hostDefinition),
    imageIds: () => activeImages(neighbours),
    networkIds: () => neighbours.networks.flatNetworkIds(),
    networkSpec: (networkId) => neighbours.networks.hostNetworkSpec(networkId, undefined),
    configDrive: (serverId) => configDriveOf(parts, serverId),
    guests: {
      at: (local, remote) => neighbours.networks.guestAt(local, remote),
      metadata: (serverId) => metadataFor(parts, serverId),
    },
    imageUrl: (imageId, host) => urls.urlOf(imageId, host),
    imageUploadUrl: (imageId, host) => urls.uploadUrlOf(imageId, host),
    controllers,
    nodes: assembly.allNodes,
    onStatus: (sender, isUp) => remoteNodes.told(sender, isUp),
  });
}
