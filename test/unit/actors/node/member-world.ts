// Controllers and compute members over the simulated network, on virtual time. The controllers' entities are pure and
// shared by all; members are the real thing, each with a simulated host and a journal that outlive its process.
import type { InstanceMetadata } from '#actors/domain/instance-metadata.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { NodeGateway } from '#actors/node/gateway.ts';
import { ImageUrls } from '#actors/node/image-urls.ts';
import { membersIn } from '#actors/node/members.ts';
import type { NodeOrder } from '#actors/node/protocol.ts';
import { RemoteNodes } from '#actors/node/remote-nodes.ts';
import { isRelayType } from '#actors/node/wire.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import type { HostNetworkSpec } from '#hypervisor/network-port.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import type { Router } from '#runtime/directory/router.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { Log } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import type { MemberRecord } from '#runtime/membership/store.ts';
import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import type { Received, Transport } from '#runtime/transport/port.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import type { SendBytes } from '#actors/node/controller-world.ts';
import { testImage, testImageBytes } from '#test/support/test-image.ts';
import {
  createVirtualEnv,
  type VirtualEnv,
  type VirtualMember,
} from '#test/support/virtual-env.ts';
import { recordingLog, type LogLine } from '#test/contract/transport/transport-harness.ts';
import { ComputeAssembly } from '../../../../src/compute-assembly.ts';
import { networkId, plan, serverId, specOf } from './node-world.ts';

export interface Controller {
  readonly id: string;
  readonly transport: Transport;
  readonly nodes: RemoteNodes;
  readonly gateway: NodeGateway;
  readonly urls: ImageUrls;
  /** What members asked of entities, as it was let through. */
  readonly asked: { readonly key: string; readonly type: string; readonly requestId: string }[];
  /** Every message of a member that came here. */
  readonly heard: Received[];
  readonly log: LogLine[];
  isStale: boolean;
  hasBytes: boolean;
}

export interface Member {
  readonly id: string;
  readonly assembly: ComputeAssembly;
  readonly process: VirtualMember;
  readonly journal: MemoryJournal;
  readonly transport: Transport;
  readonly log: LogLine[];
}

export class MemberWorld {
  readonly env: VirtualEnv = createVirtualEnv({ seed: 21 });
  readonly network: MemoryNetwork = createMemoryNetwork({ env: this.env });
  readonly cluster = pureCluster([hostDefinition, providerDefinition], () => this.env.clock.now());
  /** Servers with their grants; only what the gateway looks at. */
  readonly servers = new Map<string, InstanceState>();
  readonly networks = new Map<string, HostNetworkSpec>([[networkId, specOf(networkId)]]);
  /** Servers by their address, behind the gateway 10.87.0.1. */
  readonly guestsAt = new Map<string, string>([['10.87.0.5', serverId]]);
  readonly controllers: Controller[] = [];
  records: readonly MemberRecord[] = [];
  /** Every fetch of image bytes: where, and from which offset. */
  readonly fetches: { readonly url: string; readonly offset: number }[] = [];
  /** A fetch breaks off after so many bytes, once. */
  breakFetchAfter: number | undefined;
  readonly #hosts = new Map<string, SimulatedHost>();
  readonly #disks = new Map<string, MemoryJournal['disk']>();
  readonly #restoreGlobals = this.env.installGlobals();
  #incarnation = 0;
  #orders = 0;

  dispose(): void {
    this.#restoreGlobals();
  }

  host(name: string): SimulatedHost {
    const known = this.#hosts.get(name) ?? new SimulatedHost({ env: this.env, name });
    this.#hosts.set(name, known);
    return known;
  }

  controller(id: string): Controller {
    const log: LogLine[] = [];
    const process = this.env.member(id);
    const env = { ...process.env, log: troubleLog(log) };
    const transport = this.network.join(id, env, this.#nextIncarnation());
    const members = membersIn(() => this.records);
    const key = new TextEncoder().encode('only controllers have it');
    const urls = new ImageUrls({ clock: env.clock, key, apiUrl: () => `http://${id}` });
    const isController = (other: string): boolean =>
      this.records.some((record) => record.id === other && record.role === 'controller');
    const imageUrl = (imageId: string, host: string) => urls.urlOf(imageId, host);
    const nodes = new RemoteNodes({ env, transport, members, isController, imageUrl });
    const controller: Controller = {
      id,
      transport,
      nodes,
      urls,
      gateway: this.#gatewayOf(env, { members, nodes, urls, of: () => controller }),
      asked: [],
      heard: [],
      log,
      isStale: false,
      hasBytes: true,
    };
    transport.onMessage((message) => {
      controller.heard.push(message);
      const sender = this.records.find((record) => record.id === message.from);
      if (sender === undefined) throw new Error('no member');
      return isRelayType(message.type)
        ? nodes.receive(message, sender)
        : controller.gateway.receive(message, sender);
    });
    this.controllers.push(controller);
    this.#admit({ id, role: 'controller', name: id });
    return controller;
  }

  #gatewayOf(
    env: VirtualEnv | VirtualMember['env'],
    parts: {
      readonly members: ReturnType<typeof membersIn>;
      readonly nodes: RemoteNodes;
      readonly urls: ImageUrls;
      readonly of: () => Controller;
    },
  ): NodeGateway {
    const { members, nodes, urls, of } = parts;
    return new NodeGateway({
      env,
      router: this.#routerOf(of),
      views: {
        get isStale() {
          return of().isStale;
        },
        barrier: async () => undefined,
      },
      members,
      nodes: { readDisk: () => Promise.reject(new Error('no disk is read in this test')) },
      servers: this.#serverView(),
      hosts: this.cluster.view(hostDefinition),
      imageIds: () => new Set([testImage.id]),
      networkIds: () => [...this.networks.keys()],
      networkSpec: (id) => this.networks.get(id),
      configDrive: (id) => [
        { path: 'openstack/latest/meta_data.json', content: new TextEncoder().encode(id) },
      ],
      guests: {
        at: (local, remote) => (local === '10.87.0.1' ? this.guestsAt.get(remote) : undefined),
        metadata: (id) => metadataOf(id),
      },
      imageUrl: (imageId, host) => urls.urlOf(imageId, host),
      imageUploadUrl: (imageId, host) => urls.uploadUrlOf(imageId, host),
      controllers: () =>
        this.controllers.map(({ id, transport }) => ({ id, addresses: transport.addresses() })),
      onStatus: (sender, isUp) => nodes.told(sender, isUp),
    });
  }

  /** Hosts and providers are real; of instances only what was asked is kept. */
  #routerOf(of: () => Controller): Router {
    const ask = async (
      ref: { readonly kind: string; readonly id: string },
      command: { readonly type: string },
      options: { readonly requestId: string },
    ): Promise<unknown> => {
      const { requestId } = options;
      of().asked.push({ key: `${ref.kind}/${ref.id}`, ...command, requestId });
      return ref.kind === 'instance' ? {} : this.cluster.router.ask(ref, command, options);
    };
    return { ask } as unknown as Router;
  }

  /** Starts, or starts again, the member of a host; resolves when its start is over. */
  async member(host: string, id = `member-of-${host}`): Promise<Member> {
    const { starting, ...member } = this.starting(host, { id });
    await this.env.complete(starting, `the start of ${id}`);
    return member;
  }

  /** One whose start is under way; its disk takes so long for each call. */
  starting(
    host: string,
    { id, diskMs = 0 }: { readonly id: string; readonly diskMs?: number },
  ): Member & { readonly starting: Promise<void> } {
    const log: LogLine[] = [];
    const process = this.env.member(`${id}-${this.#incarnation}`);
    const env = { ...process.env, log: troubleLog(log) };
    const disk = this.#disks.get(id);
    const faults = { minLatencyMs: diskMs, maxLatencyMs: diskMs };
    const journal = openMemoryJournal({ env, faults, ...(disk === undefined ? {} : { disk }) });
    this.#disks.set(id, journal.disk);
    const epoch = this.#nextIncarnation();
    const transport = this.network.join(id, env, epoch, { isListening: false });
    const machine = this.host(host);
    const assembly = new ComputeAssembly({
      env,
      name: `${id}-${epoch}`,
      transport,
      journal,
      authority: soleAuthority({ epoch }, () => undefined),
      cluster: 'test',
      host: {
        host,
        hypervisor: new SimulatedHypervisor(machine),
        storage: new SimulatedStorage(machine),
        network: new SimulatedHostNetwork(machine),
      },
      fetchBytes: (url, offset) => this.#fetch(url, offset),
      sendBytes: (url, bytes) => this.sendBytes(url, bytes),
      metadataPort: 8_775,
      availabilityZone: 'nova',
      hostIp: '127.0.0.1',
      inventories: (facts) => defaultInventories(facts),
    });
    this.#admit({ id, role: 'compute', name: host });
    transport.setPeers(
      this.controllers.map((one) => ({ id: one.id, addresses: one.transport.addresses() })),
    );
    return { id, assembly, process, journal, transport, log, starting: assembly.start() };
  }

  /** kill -9: the host and what is on its disk stay. */
  kill({ id, process, journal, assembly }: Member): void {
    process.kill();
    journal.crash();
    assembly.system.abandon();
    this.network.kill(id);
  }

  async stop(member: Member): Promise<void> {
    await this.env.complete(member.assembly.stop(), 'the stop of a member');
    await this.env.complete(member.transport.close(), 'the end of its links');
  }

  /** A process that has a member’s key and says what it likes. */
  async impostor(host: string, id = `impostor-of-${host}`): Promise<Transport> {
    const { env } = this.env.member(id);
    const options = { isListening: false };
    const transport = this.network.join(id, env, this.#nextIncarnation(), options);
    this.#admit({ id, role: 'compute', name: host });
    transport.setPeers(
      this.controllers.map((one) => ({ id: one.id, addresses: one.transport.addresses() })),
    );
    transport.onMessage(() => ({ report: { power: 'on fire', stopped: 'maybe' } }));
    await this.env.runUntil(
      () =>
        this.controllers.every(
          (one) => transport.isConnected(one.id) && one.transport.isConnected(id),
        ),
      'the links of the impostor',
    );
    return transport;
  }

  /** What was sent where; tests answer otherwise. */
  readonly sent = new Map<string, number>();
  sendBytes: SendBytes = async (url, bytes) => {
    let length = 0;
    for await (const chunk of bytes) length += chunk.length;
    this.sent.set(url, length);
    return { status: 204, words: '' };
  };

  /** The server’s guest may run there, under run-epoch 1. */
  grant(host: string, id = serverId, image = testImage): void {
    const server = { id, grant: { host, runEpoch: 1 }, fenced: [], request: { image } };
    this.servers.set(id, server as unknown as InstanceState);
  }

  #serverView(): StateView<InstanceState> {
    const { servers } = this;
    const view = { get: (id: string) => servers.get(id), values: () => servers.values() };
    return view as unknown as StateView<InstanceState>;
  }

  /** The server is deleted, and its grant given back. */
  release(id: string): void {
    const request = this.servers.get(id)?.request;
    const server = { id, existence: 'gone', fenced: [], request };
    this.servers.set(id, server as unknown as InstanceState);
  }

  order(type: NodeOrder['type'], changes: Partial<NodeOrder> = {}): NodeOrder {
    this.#orders += 1;
    const base = { type, orderId: `order-${this.#orders}`, serverId, runEpoch: 1 };
    const rest = { requestId: 'req-1', plan, hard: false, graceMs: 60_000 };
    return { ...base, ...rest, ...changes } as NodeOrder;
  }

  async until(condition: () => boolean, what: string, withinMs = 60_000): Promise<void> {
    await this.env.runUntil(condition, what, withinMs);
  }

  complete<T>(promise: Promise<T>, what: string, withinMs?: number): Promise<T> {
    return this.env.complete(promise, what, withinMs);
  }

  /** Controllers and a member that all know each other, and the host is up for everybody. */
  async started(
    controllers = 1,
    hosts: readonly string[] = ['host-1'],
  ): Promise<readonly Member[]> {
    for (let number = 1; number <= controllers; number += 1)
      this.controller(`controller-${number}`);
    const members: Member[] = [];
    for (const host of hosts) members.push(await this.member(host));
    await this.until(
      () => hosts.every((host) => this.controllers.every(({ nodes }) => nodes.isUp(host))),
      'all hosts to be up',
    );
    return members;
  }

  /** How often the host was told to make the guest. */
  incarnation(host = 'host-1'): number | undefined {
    return this.host(host).guests.find(serverId)?.incarnation;
  }

  async *#fetch(url: string, offset: number): AsyncGenerator<Uint8Array> {
    this.fetches.push({ url, offset });
    const { host: id, pathname, searchParams } = new URL(url);
    const controller = this.controllers.find((one) => one.id === id);
    const imageId = pathname.slice('/internal/images/'.length);
    const part = (name: string): string => searchParams.get(name) ?? '';
    const link = { host: part('host'), expires: part('expires'), signature: part('signature') };
    if (controller?.urls.check({ imageId, ...link }).ok !== true) throw new Error('HTTP 403');
    if (!controller.hasBytes) throw new Error('HTTP 404');
    const end = this.breakFetchAfter ?? testImageBytes.length;
    this.breakFetchAfter = undefined;
    yield testImageBytes.subarray(offset, end);
    if (end < testImageBytes.length) throw new Error('the connection broke');
  }

  #nextIncarnation(): number {
    this.#incarnation += 1;
    return this.#incarnation;
  }

  #admit(member: Pick<MemberRecord, 'id' | 'role' | 'name'>): void {
    const others = this.records.filter(({ id }) => id !== member.id);
    const record = { ...member, addresses: [], apiUrl: undefined, isRevoked: false };
    const admittedAtMs = this.records.length;
    this.records = [...others, { ...record, admittedAtMs }];
    const addressesOf = (id: string): readonly string[] =>
      this.controllers.find((one) => one.id === id)?.transport.addresses() ?? [];
    for (const { id, transport } of this.controllers)
      transport.setPeers(
        this.records
          .filter((one) => one.id !== id)
          .map((one) => ({ id: one.id, addresses: addressesOf(one.id) })),
      );
  }
}

/** What an administrator would be told of. */
function troubleLog(lines: LogLine[]): Log {
  const nothing = (): void => undefined;
  const log: Log = { ...recordingLog(lines), debug: nothing, info: nothing, child: () => log };
  return log;
}

export function metadataOf(uuid: string): InstanceMetadata {
  return {
    uuid,
    name: 'vm1',
    hostname: 'vm1',
    projectId: 'project-1',
    availabilityZone: null,
    launchIndex: 0,
    reservationId: 'r-1',
    instanceNumber: 1,
    imageNumber: undefined,
    flavorName: 'm1.tiny',
    meta: { role: 'test' },
    key: undefined,
    userData: new TextEncoder().encode('#!/bin/sh'),
    files: [],
    networks: [],
    securityGroups: [],
    devices: [],
    blockDevices: {},
    dedicatedCpus: [],
    adminPass: undefined,
    randomSeed: new Uint8Array(8),
    vendorData: {},
    password: '',
  };
}
