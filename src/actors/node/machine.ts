// Everything of one host that its guests' orders work with. Wired once per host: over the views where they are in the same
// process, over controllers where they are not (controller-world.ts).
import type { GuestStorage, ImageSource } from '#hypervisor/storage-port.ts';
import type { HostNetwork, HostNetworkSpec } from '#hypervisor/network-port.ts';
import type { Hypervisor } from '#hypervisor/port.ts';
import type { Env } from '#runtime/env/env.ts';
import type { ServerImage } from '../domain/server.ts';
import type { ConfigDriveFile } from '#hypervisor/storage-port.ts';
import type { DiskRange, HostName } from './protocol.ts';

/** At once where it is known here, later where others must be asked. Then it rejects with a NodeFault when none answers. */
export type Answer<T> = T | Promise<T>;

/** By what a host may have an image. */
export interface ImageClaim {
  readonly serverId?: string;
  readonly url?: string;
}

export interface Machine {
  readonly env: Env;
  /** This cloud's id: guests of another one on the same hypervisor are left alone. */
  readonly cluster: string;
  readonly host: HostName;
  /** By which other hosts reach it with a guest's memory. */
  readonly address: string;
  readonly hypervisor: Hypervisor;
  readonly storage: GuestStorage;
  readonly network: HostNetwork;
  /** Where an image's bytes come from: for a server that may run here, or by a link that a controller gave. */
  readonly imageSource: (image: ServerImage, by: ImageClaim) => ImageSource;
  /** Gives the bytes of a server's image to the image service. Rejects with a NodeFault; `image-service`: not now. */
  readonly imageSink: (upload: {
    readonly imageId: string;
    readonly serverId: string;
    readonly requestId: string;
    readonly bytes: AsyncIterable<Uint8Array>;
  }) => Promise<void>;
  /** Images that a server may be made from now: others leave the cache when no disk needs them. */
  readonly imageIds: () => Answer<ReadonlySet<string>>;
  /** Networks that every host has ready. */
  readonly networkIds: () => Answer<readonly string[]>;
  /** How a network is to look on this host; undefined if there is no such network any more. */
  readonly networkSpec: (networkId: string) => Answer<HostNetworkSpec | undefined>;
  /** What goes on a server's config drive. */
  readonly configDrive: (serverId: string) => Answer<readonly ConfigDriveFile[]>;
  /** Bytes of a disk at the other end of a server's move to this host. Rejects with a NodeFault. */
  readonly sourceDisk: (range: DiskRange) => Promise<Uint8Array>;
}
