// What the compute plugin's routes work with: read models, and ports to the neighbours.
import type { ImageWriter } from '#actors/ports/image-writer.ts';
import type { Images } from '#actors/ports/images.ts';
import type { Networks } from '#actors/ports/networks.ts';
import type { FlavorsState, KeypairsState } from '#actors/catalog/protocol.ts';
import type { ConsoleTokensState } from '#actors/console/protocol.ts';
import type { ServerGroupsState } from '#actors/group/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { Scheduler } from '#actors/instance/placement.ts';
import type { NodeClient } from '#actors/node/client.ts';
import type { ProjectState, QuotaLimits } from '#actors/project/protocol.ts';
import type { FloatingOfServer } from '#actors/services/network/floating-ips.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { AggregatesState } from '#actors/topology/aggregates-protocol.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { ApiContext } from '../context.ts';
import type { Enforcer } from '../policy/enforcer.ts';
import type { NetworkProxies } from './network-proxies.ts';
import type { FoundRows } from './path-table.ts';

/** A security group of the network service, as compute shows it. */
export interface SecurityGroupRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly projectId: string;
  readonly rules: readonly {
    readonly id: string;
    readonly direction: 'ingress' | 'egress';
    readonly ethertype: 'IPv4' | 'IPv6';
    readonly protocol: string | undefined;
    readonly portMin: number | undefined;
    readonly portMax: number | undefined;
    readonly remoteGroupId: string | undefined;
    readonly remotePrefix: string | undefined;
  }[];
}

export interface SecurityGroups {
  find(groupId: string): SecurityGroupRecord | undefined;
  /** Of a project, by id or name: more than one when the name is not unique. */
  named(projectId: string, nameOrId: string): readonly SecurityGroupRecord[];
  /** Of a server's ports. */
  ofServer(serverId: string): readonly SecurityGroupRecord[];
  /** Their names; undefined for a server without ports. The same list as before while nothing has changed. */
  namesOf(serverId: string): readonly string[] | undefined;
  /** On every port of a server. Undefined when it is done. */
  change(change: {
    readonly serverId: string;
    readonly groupId: string;
    readonly how: 'add' | 'remove';
    readonly requestId: string;
  }): Promise<Refusal | undefined>;
}

export interface ComputeContext extends ApiContext {
  /** Who may do what; default: Nova's defaults. */
  readonly policy?: Enforcer;
  readonly servers: StateView<InstanceState>;
  /** One entity, `flavors/all`. */
  readonly flavors: StateView<FlavorsState>;
  /** One entity per user. */
  readonly keypairs: StateView<KeypairsState>;
  readonly hosts: StateView<HostState>;
  /** One entity, `aggregates/all`. */
  readonly aggregates: StateView<AggregatesState>;
  /** By the first byte of the token’s hash. */
  readonly consoleTokens: StateView<ConsoleTokensState>;
  readonly providers: StateView<ProviderState>;
  readonly projects: StateView<ProjectState>;
  /** By project. */
  readonly serverGroups: StateView<ServerGroupsState>;
  readonly images: Images;
  readonly imageWriter: Pick<ImageWriter, 'create'>;
  readonly networks: Networks;
  /** Without it, groups named at create are checked only when ports are made, and servers show none of their rules. */
  readonly securityGroups?: SecurityGroups;
  /** Without it there is nothing behind the network calls that compute had until 2.35. */
  readonly networkProxies?: NetworkProxies;
  /** Floating addresses of a server; the same list as before while nothing has changed. */
  readonly floatingOf?: (serverId: string) => readonly FloatingOfServer[];
  readonly nodes: NodeClient;
  /** Asked before a move; without it a move that no host takes is accepted, and fails. */
  readonly scheduler?: Scheduler;
  /** Settings of moves; default: never on the same host, never confirmed by themselves. */
  readonly resize?: {
    readonly allowSameHost: boolean;
    readonly confirmAfterMs: number | undefined;
  };
  /** reclaim_instance_interval: how long a deleted server can be restored; 0: deletes are at once. */
  readonly reclaimMs?: number;
  /** shelved_offload_time: how long a shelved server keeps its host; default at once, undefined for ever. */
  readonly shelve?: { readonly offloadAfterMs: number | undefined };
  /** As given to makeProjectDefinition; default: defaultQuotaLimits. */
  readonly quotaDefaults?: QuotaLimits;
  /** Host of this process's own services (nova-scheduler, nova-conductor); default `controller`. */
  readonly controllerName?: string;
  /** What `uptime` says on a host; undefined where nobody knows. */
  readonly hostUptime?: (host: string) => Promise<string | undefined>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The minor number in force: 79 for 2.79; 1 without a header; 0 on /v2. */
    microversion: number;
    /** The rows of the route table that the path names. */
    computeRows: FoundRows | undefined;
  }
}
