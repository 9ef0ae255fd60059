// What a guest may know of itself: everything that the metadata service and the config drive tell. Plain values;
// whoever knows the server fills them in, metadata-documents.ts writes them down. Pure.

export interface InstanceKey {
  readonly name: string;
  readonly type: 'ssh' | 'x509';
  /** The public key. */
  readonly data: string;
}

export interface InstanceNetwork {
  readonly portId: string;
  readonly networkId: string;
  /** The host's side of the interface: the link's name in network_data.json. */
  readonly device: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly {
    readonly version: 4 | 6;
    readonly address: string;
    readonly cidr: string;
    readonly gateway: string | undefined;
    /** The guest learns this address by DHCP. */
    readonly dhcp: boolean;
    /** `ipv6_address_mode` of the subnet. */
    readonly addressMode: string | undefined;
    readonly dnsServers: readonly string[];
    readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
  }[];
}

/** A disk or NIC that the user gave tags to. */
export type InstanceDevice =
  | {
      readonly type: 'disk';
      readonly bus: string;
      readonly address: string;
      readonly serial: string | undefined;
      readonly path: string | undefined;
      readonly tags: readonly string[];
    }
  | {
      readonly type: 'nic';
      readonly bus: string;
      readonly address: string;
      readonly mac: string;
      readonly tags: readonly string[];
    };

export interface InjectedFile {
  /** Where the guest is to put it. */
  readonly path: string;
  readonly content: Uint8Array;
}

export interface InstanceMetadata {
  readonly uuid: string;
  readonly name: string;
  readonly hostname: string;
  readonly projectId: string;
  /** Null until the server is placed. */
  readonly availabilityZone: string | null;
  readonly launchIndex: number;
  readonly reservationId: string;
  /** The server's number in EC2 style ids: `i-` + eight hex digits of it. */
  readonly instanceNumber: number;
  /** The image's number, as above: `ami-…`. Undefined for a server without image. */
  readonly imageNumber: number | undefined;
  readonly flavorName: string;
  /** User metadata. */
  readonly meta: Readonly<Record<string, string>>;
  readonly key: InstanceKey | undefined;
  readonly userData: Uint8Array | undefined;
  readonly files: readonly InjectedFile[];
  readonly networks: readonly InstanceNetwork[];
  readonly securityGroups: readonly string[];
  readonly devices: readonly InstanceDevice[];
  /** `ami`, `root`, `swap`, `ephemeral0` … → device name. */
  readonly blockDevices: Readonly<Record<string, string>>;
  readonly dedicatedCpus: readonly number[];
  /** On the config drive only, never by the metadata service. */
  readonly adminPass: string | undefined;
  /** 512 bytes by chance, new ones for each rendering. */
  readonly randomSeed: Uint8Array;
  /** `vendor_data.json`, and `static` of `vendor_data2.json`. */
  readonly vendorData: Readonly<Record<string, unknown>>;
  /** What the guest has posted: its administrator's password, encrypted with the key. */
  readonly password: string;
}
