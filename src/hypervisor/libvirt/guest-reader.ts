// What guests there are and whose they are. Keeps nothing but the marks of running domains, which cannot change while
// they run, so that a list is one call however many guests there are. Changes nothing.

import type { GuestMark, GuestState } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { Connections } from './connections.ts';
import { MARK_NAMESPACE, readMark } from './domain-xml/mark.ts';
import { guestPowerOf, isInMigration } from './events.ts';
import { virError } from './rpc/faults.ts';
import { domainOf, procedures } from './rpc/procedures.ts';
import { uuidText } from './rpc/structures.ts';
import type { DomainRef, TypedParameter } from './rpc/structures.ts';

const STATS_STATE = 1;
/** Without it one domain that is busy would hold up the list of all. */
const STATS_NO_WAIT = 1 << 29;
/** VIR_DOMAIN_METADATA_ELEMENT and VIR_DOMAIN_AFFECT_LIVE. */
export const METADATA_ELEMENT = 2;
export const AFFECT_LIVE = 1;

export class GuestReader {
  readonly #connections: Connections;
  /** By uuid; valid only for that domain id. */
  readonly #marks = new Map<string, { domainId: number; mark: GuestMark | undefined }>();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async list(): Promise<readonly GuestState[]> {
    const { records } = await this.#connections.quick(procedures.connectGetAllDomainStats, {
      doms: [],
      stats: STATS_STATE,
      flags: STATS_NO_WAIT,
    });
    const states = await Promise.all(
      records.map(({ dom, params }) => this.#stateOf(dom, stateIn(params))),
    );
    const listed = new Set(records.map(({ dom }) => uuidText(dom.uuid)));
    for (const id of this.#marks.keys()) if (!listed.has(id)) this.#marks.delete(id);
    return states.filter((state) => state !== undefined);
  }

  async find(id: string): Promise<GuestState | undefined> {
    return absentIfNotFound(async () => {
      const dom = domainRef(id);
      const [found, state] = await Promise.all([
        this.#connections.quick(procedures.domainLookupByUuid, { uuid: dom.uuid }),
        this.#connections.quick(procedures.domainGetState, { dom, flags: 0 }),
      ]);
      return this.#stateOf(found.dom, state);
    });
  }

  /** The running domain's own name and id. Fault guest-not-found. */
  async lookUp(id: string): Promise<DomainRef> {
    const { uuid } = domainRef(id);
    const { dom } = await this.#connections.quick(procedures.domainLookupByUuid, { uuid });
    return dom;
  }

  async isNameTaken(name: string): Promise<boolean> {
    const found = await absentIfNotFound(() =>
      this.#connections.quick(procedures.domainLookupByName, { name }),
    );
    return found !== undefined;
  }

  remember(id: string, domainId: number, mark: GuestMark): void {
    this.#marks.set(id, { domainId, mark });
  }

  forget(id: string): void {
    this.#marks.delete(id);
  }

  /** After a reconnect: another daemon may number its domains anew. */
  forgetAll(): void {
    this.#marks.clear();
  }

  /** Undefined when the domain went away meanwhile. */
  async #stateOf(
    dom: DomainRef,
    { state, reason }: StateAndReason,
  ): Promise<GuestState | undefined> {
    return absentIfNotFound(async () => ({
      id: uuidText(dom.uuid),
      name: dom.name,
      power: guestPowerOf(state),
      ...(isInMigration(state, reason) ? { isInMigration: true as const } : {}),
      mark: await this.#markOf(dom),
    }));
  }

  /** A domain that does not run is not ours: ours are transient. */
  async #markOf(dom: DomainRef): Promise<GuestMark | undefined> {
    if (dom.id < 0) return undefined;
    const id = uuidText(dom.uuid);
    const known = this.#marks.get(id);
    if (known?.domainId === dom.id) return known.mark;
    const mark = await this.#readMark(dom);
    this.#marks.set(id, { domainId: dom.id, mark });
    return mark;
  }

  async #readMark(dom: DomainRef): Promise<GuestMark | undefined> {
    try {
      const { metadata } = await this.#connections.quick(procedures.domainGetMetadata, {
        dom,
        type: METADATA_ELEMENT,
        uri: MARK_NAMESPACE,
        flags: AFFECT_LIVE,
      });
      return readMark(metadata);
    } catch (error) {
      const none =
        error instanceof HypervisorFault && error.libvirtCode === virError.noDomainMetadata;
      if (none) return undefined;
      throw error;
    }
  }
}

/** Fault guest-not-found for an id that is no UUID: no domain can have it. */
export function domainRef(id: string): DomainRef {
  try {
    return domainOf(id);
  } catch (error) {
    throw new HypervisorFault('guest-not-found', (error as Error).message, { cause: error });
  }
}

export async function absentIfNotFound<R>(call: () => Promise<R>): Promise<R | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof HypervisorFault && error.code === 'guest-not-found') return undefined;
    throw error;
  }
}

interface StateAndReason {
  readonly state: number;
  readonly reason: number;
}

function stateIn(params: readonly TypedParameter[]): StateAndReason {
  const value = (name: string): number => {
    const param = params.find(({ field }) => field === name);
    return param?.value.type === 'int' ? param.value.value : 0;
  };
  return { state: value('state.state'), reason: value('state.reason') };
}
