// What the servers make of each host: how many it has, how many of them are being built or changed, how its last builds
// went, and (only when its weigher counts) which properties their images have. Kept by the servers' changes, so that no
// choice looks at all servers.
import type { StateChange, StateView } from '#runtime/events/projection.ts';
import type { InstanceState } from '../instance/state.ts';
import { type HostLoad, noLoad } from './host-view.ts';

/** Task states in which a server keeps its host's disks busy, as Nova counts them; one that is built does, too. */
const busyTasks: ReadonlySet<string> = new Set([
  'resize_prep',
  'resize_migrating',
  'rebuilding',
  'rebuild_block_device_mapping',
  'rebuild_spawning',
  'image_snapshot',
  'image_snapshot_pending',
  'image_pending_upload',
  'image_uploading',
  'image_backup',
  'rescuing',
  'unshelving',
  'shelving',
]);

interface Load {
  instances: number;
  ioOps: number;
  failedBuilds: number;
  readonly imageProperties: Map<string, number>;
}

export class HostLoads {
  readonly #loads = new Map<string, Load>();
  readonly #counted = new Map<string, Counted>();
  readonly #withImages: boolean;
  readonly #onChange: (host: string) => void;

  constructor(options: {
    readonly servers: StateView<InstanceState>;
    readonly withImages: boolean;
    readonly onChange: (host: string) => void;
  }) {
    this.#withImages = options.withImages;
    this.#onChange = options.onChange;
    for (const state of options.servers.values()) this.#count(state);
    options.servers.subscribe((change) => this.#follow(change));
  }

  of(host: string): HostLoad {
    return this.#loads.get(host) ?? noLoad;
  }

  #follow(change: StateChange<InstanceState>): void {
    this.#count(change.after);
    const host = change.before?.grant?.host ?? change.after.grant?.host;
    const operation = change.before?.operation;
    if (host === undefined || operation?.name !== 'create') return;
    for (const event of change.events) {
      if (event.type === 'instance.operation-failed') this.#built(host, (failed) => failed + 1);
      if (event.type === 'instance.operation-ended' && operation.failure === undefined)
        this.#built(host, () => 0);
    }
  }

  #built(host: string, failed: (before: number) => number): void {
    const load = this.#load(host);
    const after = failed(load.failedBuilds);
    if (after === load.failedBuilds) return;
    load.failedBuilds = after;
    this.#onChange(host);
  }

  #count(state: InstanceState): void {
    const before = this.#counted.get(state.id);
    const after = this.#countedFor(state);
    if (isSame(before, after)) return;
    if (before !== undefined) this.#add(before, -1);
    if (after === undefined) this.#counted.delete(state.id);
    else {
      this.#counted.set(state.id, after);
      this.#add(after, 1);
    }
  }

  #countedFor(state: InstanceState): Counted | undefined {
    const { grant, existence, vmState, taskState, request } = state;
    if (existence !== 'exists' || grant === undefined) return undefined;
    const isBusy = vmState === 'building' || (taskState !== undefined && busyTasks.has(taskState));
    const properties = this.#withImages ? request?.image?.properties : undefined;
    return { host: grant.host, isBusy, properties };
  }

  #add({ host, isBusy, properties = {} }: Counted, sign: 1 | -1): void {
    const load = this.#load(host);
    load.instances += sign;
    load.ioOps += isBusy ? sign : 0;
    for (const [name, value] of Object.entries(properties)) {
      const key = `${name}=${value}`;
      const count = (load.imageProperties.get(key) ?? 0) + sign;
      if (count === 0) load.imageProperties.delete(key);
      else load.imageProperties.set(key, count);
    }
    this.#onChange(host);
  }

  #load(host: string): Load {
    const known = this.#loads.get(host);
    if (known !== undefined) return known;
    const load: Load = { instances: 0, ioOps: 0, failedBuilds: 0, imageProperties: new Map() };
    this.#loads.set(host, load);
    return load;
  }
}

interface Counted {
  readonly host: string;
  readonly isBusy: boolean;
  readonly properties: Readonly<Record<string, string>> | undefined;
}

function isSame(one: Counted | undefined, other: Counted | undefined): boolean {
  return (
    one?.host === other?.host &&
    one?.isBusy === other?.isBusy &&
    one?.properties === other?.properties
  );
}
