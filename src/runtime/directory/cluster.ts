// This process as one controller of a cluster: membership, shards, and the way to entities of others, put together.
// The order of a start: join (authority and router exist), the assembly recovers, start (shards are taken and served),
// and of an end: leave (shards are handed over), the assembly stops, close.
import type { Env } from '../env/env.ts';
import type { EntityKey, Journal } from '../journal/port.ts';
import { Membership } from '../membership/membership.ts';
import type { ClusterStore, MemberRecord, ShardRow } from '../membership/store.ts';
import type { Peer, Received, Transport } from '../transport/port.ts';
import { ClusterRouter } from './cluster-router.ts';
import { ENTITY_ASK, type EntityAsk, SHARD_ROWS, shardRows } from './entity-messages.ts';
import { answerEntityAsk } from './entity-server.ts';
import type { EntityHost } from './host.ts';
import { ShardOwner } from './shard-owner.ts';

export interface ClusterOptions {
  readonly env: Env;
  readonly store: ClusterStore;
  readonly journal: Journal;
  readonly transport: Transport;
  readonly incarnation: number;
  /** As the store has it. */
  readonly shards: number;
  onExpelled(reason: string): void;
  /** Messages of other areas than entities and shards; the sender is a member and not revoked. */
  onOther?(message: Received, sender: MemberRecord): unknown;
}

const SETTLE_MS = 10_000;
/** Whoever serves this key's shard does what one member of the cluster is to do. */
const LEAD_KEY: EntityKey = 'cluster/lead';

export class Cluster {
  readonly membership: Membership;
  readonly shards: ShardOwner;
  readonly #options: ClusterOptions;
  #local: EntityHost | undefined;

  constructor(options: ClusterOptions) {
    const { env, store, journal, transport, incarnation, shards } = options;
    this.#options = options;
    this.membership = new Membership({
      env,
      store,
      self: transport.self,
      incarnation,
      generation: () => journal.generation(),
      isConnected: (member) => transport.isConnected(member),
      onExpelled: (reason) => options.onExpelled(reason),
    });
    this.shards = new ShardOwner({
      env,
      store,
      journal,
      membership: this.membership,
      shards,
      announce: (rows) => this.#announce(rows),
    });
    this.membership.onTable(({ members }) => transport.setPeers(this.#peers(members)));
    transport.onMessage((message) => this.#receive(message));
  }

  /** The router of this process over its own entities; for the assembly. */
  route(local: EntityHost): ClusterRouter {
    this.#local = local;
    this.shards.serve(local);
    const { env, transport } = this.#options;
    const { shards, membership } = this;
    return new ClusterRouter({ env, local, shards, membership, transport });
  }

  /** After the states were recovered. Resolves when the shards that belong here are served. */
  async start(): Promise<void> {
    await this.membership.start();
    if (!(await this.shards.settled(SETTLE_MS)))
      this.#options.env.log.warn({}, 'not all shards are served yet; going on with those that are');
  }

  /** Whether this process is the one that does what the cluster as a whole has to do. */
  get leads(): boolean {
    return this.shards.isServing(this.shards.shardOf(LEAD_KEY));
  }

  /** Hears now and at every change whether this process leads. Returns the way out. */
  onLead(listener: (leads: boolean) => void): () => void {
    let last = this.leads;
    listener(last);
    return this.shards.onChange(() => {
      if (last === this.leads) return;
      last = this.leads;
      listener(last);
    });
  }

  /** Hands everything over to the controllers that stay. Commands that come later are sent there. */
  async leave(): Promise<void> {
    await this.membership.leave();
    await this.shards.leave();
  }

  stop(): void {
    this.membership.stop();
    this.shards.stop();
  }

  #peers(members: readonly MemberRecord[]): readonly Peer[] {
    return members
      .filter(({ id, isRevoked }) => !isRevoked && id !== this.membership.self)
      .map(({ id, addresses, role }) => ({
        id,
        addresses: role === 'controller' ? addresses : [],
      }));
  }

  #announce(rows: readonly ShardRow[]): void {
    if (rows.length === 0) return;
    const { transport } = this.#options;
    for (const { id, role } of this.membership.table.members)
      if (role === 'controller' && id !== this.membership.self) transport.tell(id, shardRows(rows));
  }

  #receive(message: Received): unknown {
    const sender = this.membership.record(message.from);
    if (sender === undefined || sender.isRevoked)
      throw new Error(`${message.from} is no member of this cluster`);
    switch (message.type) {
      case ENTITY_ASK:
        return this.#answer(message, sender);
      case SHARD_ROWS:
        if (isController(sender))
          this.shards.learn((message.body as { readonly rows: readonly ShardRow[] }).rows);
        return undefined;
      default:
        if (this.#options.onOther === undefined)
          throw new Error(`nobody here handles ${message.type}`);
        return this.#options.onOther(message, sender);
    }
  }

  #answer(message: Received, sender: MemberRecord): Promise<unknown> {
    if (!isController(sender) || this.#local === undefined)
      return Promise.reject(new Error('only controllers ask for entities'));
    const { journal, transport } = this.#options;
    return answerEntityAsk(
      { local: this.#local, shards: this.shards, journal, transport },
      message.body as EntityAsk,
      message.requestId ?? 'req-unknown',
    );
  }
}

function isController(sender: MemberRecord): boolean {
  return sender.role === 'controller';
}
