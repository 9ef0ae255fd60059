// Puts a compute member together over whatever ports it is given, as assembly.ts does for controllers: one host's node
// actor, its ledger on a journal of its own, and the way to controllers. It has no store and no journal of others
// (DESIGN §1). Real ports come from the command line's wiring, simulated ones from the simulator.
import { EntityHost } from '#runtime/directory/host.ts';
import type { Authority } from '#runtime/entity/authority.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { type ActorSystem, createActorSystem } from '#runtime/system/system.ts';
import type { Peer, Transport } from '#runtime/transport/port.ts';
import { NodeActor, type NodeActorOptions } from '#actors/node/actor.ts';
import { ControllerGuests } from '#actors/node/controller-guests.ts';
import { ControllerLink } from '#actors/node/controller-link.ts';
import { controllerWorld, type FetchBytes, type SendBytes } from '#actors/node/controller-world.ts';
import { ledgerDefinition } from '#actors/node/ledger.ts';
import type { Machine } from '#actors/node/machine.ts';
import { MemberOrders } from '#actors/node/member-orders.ts';
import { StatusReport } from '#actors/node/status-report.ts';
import { answerOf } from '#actors/node/wire.ts';

export interface ComputeAssemblyOptions
  extends Pick<NodeActorOptions, 'availabilityZone' | 'hostIp' | 'inventories'> {
  readonly env: Env;
  /** Of the process, for its actors. */
  readonly name: string;
  /** Its peers are controllers and nobody else. */
  readonly transport: Transport;
  /** This member's own, on its own disk: it holds the ledger of the host's grants. */
  readonly journal: Journal;
  /** Of the start of this process: `soleAuthority`, with an epoch from that journal. */
  readonly authority: Authority;
  /** The cloud's id: marks what is its. */
  readonly cluster: string;
  readonly host: Pick<Machine, 'host' | 'hypervisor' | 'storage' | 'network'>;
  readonly fetchBytes: FetchBytes;
  readonly sendBytes: SendBytes;
  /** Of this host's metadata service; undefined for none. */
  readonly metadataPort: number | undefined;
  /** The controllers as one of them tells, never none; by default the transport gets them as its peers. */
  readonly onControllers?: (controllers: readonly Peer[]) => void;
}

const CONTROLLERS_MS = 10_000;
const ASK_MS = 10_000;

export class ComputeAssembly {
  readonly system: ActorSystem;
  /** The ledger's entity. */
  readonly entities: EntityHost;
  readonly link: ControllerLink;
  readonly node: NodeActor;
  /** Who asks this host's metadata service, and what they may know. */
  readonly guests: ControllerGuests;
  readonly #options: ComputeAssemblyOptions;
  readonly #orders: MemberOrders;
  readonly #status: StatusReport;
  readonly #endings: (() => void)[] = [];
  #cancelTimer: () => void = () => undefined;
  #isAlone = true;
  #isStopped = false;

  constructor(options: ComputeAssemblyOptions) {
    const { env, name, transport, journal, authority } = options;
    this.#options = options;
    this.system = createActorSystem({ env, name });
    this.entities = new EntityHost({ env, system: this.system, journal, authority });
    this.entities.register({ definition: ledgerDefinition });
    this.link = new ControllerLink({ env, transport });
    this.guests = new ControllerGuests(this.link);
    this.node = this.#makeNode();
    this.#orders = new MemberOrders(this.node);
    this.#status = new StatusReport({ env, transport, isUp: () => this.node.isUp });
    this.#endings.push(
      this.node.onUp(() => this.#status.changed()),
      transport.onLink(({ type }) => {
        if (type === 'up') this.#linked();
        else this.#isAlone = transport.connected().length === 0;
      }),
    );
    transport.onMessage((message) => this.#orders.receive(message));
  }

  /** Resolves after the first look at the host, or when that takes long; the rest goes on by itself. */
  async start(): Promise<void> {
    await this.entities.recover();
    this.entities.resume();
    this.#orders.open();
    this.#status.start();
    this.#learnControllersLater();
    await this.node.start();
  }

  /** Guests go on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    for (const end of this.#endings) end();
    this.#status.stop();
    await this.node.stop();
    await this.entities.stop();
    await this.system.shutdown();
  }

  #makeNode(): NodeActor {
    const { env, cluster, host, availabilityZone, hostIp, inventories } = this.#options;
    const { fetchBytes, sendBytes, metadataPort } = this.#options;
    const world = controllerWorld({ env, link: this.link, fetchBytes, sendBytes, metadataPort });
    return new NodeActor({
      machine: { env, cluster, address: hostIp, ...host, ...world },
      system: this.system,
      router: this.link,
      ledger: this.entities,
      ledgerStates: this.entities.view(ledgerDefinition),
      availabilityZone,
      hostIp,
      inventories,
    });
  }

  /** The first controller after none: what could not be told meanwhile is told now. */
  #linked(): void {
    void this.#learnControllers();
    if (this.#isAlone && this.node.isUp) void this.node.lookOver();
    this.#isAlone = false;
  }

  #learnControllersLater(): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    this.#cancelTimer = this.#options.env.timers.after(CONTROLLERS_MS, () => {
      void this.#learnControllers();
      this.#learnControllersLater();
    });
  }

  async #learnControllers(): Promise<void> {
    const { transport, env } = this.#options;
    const take = this.#options.onControllers ?? ((controllers) => transport.setPeers(controllers));
    try {
      const answer = await this.link.request('node.controllers', {}, { deadlineMs: ASK_MS });
      const { controllers } = answerOf('controllers', answer);
      if (controllers.length > 0 && !this.#isStopped) take(controllers);
    } catch (error) {
      env.log.warn(
        { err: error },
        'no controller tells who the controllers are; those known stay in use',
      );
    }
  }
}
