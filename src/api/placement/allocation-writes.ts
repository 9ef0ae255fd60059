// PUT, POST and DELETE of allocations, and the reshaper: what consumers hold at which providers, replaced as a whole or not
// at all. Servers' own claims are allocations like any other here.
import { consumerLock, type WritePart } from '#actors/placement/protocol.ts';
import { heldKey, type ProviderChange } from '#actors/provider/protocol.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import { readBody } from './body.ts';
import { consumerGeneration } from './allocations.ts';
import { badRequest, PlacementFault } from './envelope.ts';
import { inventoriesOf } from './inventory-writes.ts';
import { canonicalUuid } from './provider-writes.ts';
import { isUuidLike } from './query.ts';
import {
  classMissing,
  CONCURRENT_UPDATE,
  conflict,
  INVENTORY_IN_USE,
  inventoryInUse,
  misfitWords,
  notFound,
  PROVIDER_NOT_FOUND,
  providerMissing,
  raceFault,
} from './refusals.ts';
import { noContent, type PlacementAnswer, type PlacementCall } from './route.ts';
import { allocationSchema, allocationsSchema, reshaperSchema } from './schemas.ts';

/** From these minor versions on. */
const CONSUMER_GENERATION_SINCE = 28;
/** Whose allocations of the first versions are: they told nobody's. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

type Resources = Readonly<Record<string, number>>;
interface ConsumerBody {
  readonly allocations:
    | Readonly<Record<string, { readonly resources: Resources }>>
    | readonly {
        readonly resource_provider: { readonly uuid: string };
        readonly resources: Resources;
      }[];
  readonly project_id?: string;
  readonly user_id?: string;
  readonly consumer_generation?: number | null;
  readonly consumer_type?: string;
}
type Bodies = Readonly<Record<string, ConsumerBody>>;
interface ReshaperBody {
  readonly inventories: Readonly<
    Record<
      string,
      {
        readonly resource_provider_generation: number;
        readonly inventories: Parameters<typeof inventoriesOf>[0];
      }
    >
  >;
  readonly allocations: Bodies;
}

export async function putAllocations(call: PlacementCall): Promise<PlacementAnswer> {
  const { minor, params } = call;
  const asked = params['consumer_uuid'] ?? '';
  if (!isUuidLike(asked)) throw badRequest(`Malformed consumer_uuid: ${asked}`);
  const consumer = canonicalUuid(asked);
  const body = readBody(call.body, allocationSchema(minor)) as ConsumerBody;
  await replace(
    call,
    { [consumer]: body },
    `Unable to allocate inventory for consumer ${consumer}:`,
  );
  return noContent;
}

export async function postAllocations(call: PlacementCall): Promise<PlacementAnswer> {
  const bodies = readBody(call.body, allocationsSchema(call.minor)) as Bodies;
  await replace(call, bodies, 'Unable to allocate inventory');
  return noContent;
}

async function replace(call: PlacementCall, bodies: Bodies, missingWords: string): Promise<void> {
  const refusal = await call.writer.write(() => {
    const changes = planChanges(call, bodies);
    requireClasses(call, bodies, (name) => badRequest(`${missingWords} ${classMissing(name)}`));
    return { locks: Object.keys(bodies).map(consumerLock), parts: partsOf(changes) };
  });
  if (refusal !== undefined) throw refusedAllocation(refusal, bodies);
}

export async function deleteAllocations(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, params, writer } = call;
  const consumer = params['consumer_uuid'] ?? '';
  const refusal = await writer.write(() => {
    const holdings = catalogue.holdings(consumer);
    if (holdings.length === 0) throw notFound(`No allocations for consumer '${consumer}'`);
    const changes: Changes = new Map();
    for (const { provider, allocation } of holdings)
      changes.set(provider.id, {
        holders: [{ consumer, expects: heldKey(allocation) }],
        steps: 0,
      });
    return { locks: [consumerLock(consumer)], parts: partsOf(changes) };
  });
  if (refusal !== undefined) throw raceFault(refusal, 'Allocations changed while being deleted');
  return noContent;
}

export async function reshape(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue } = call;
  const body = readBody(call.body, reshaperSchema(call.minor)) as ReshaperBody;
  const refusal = await call.writer.write(() => {
    const inventories = planInventories(call, body);
    const changes = planChanges(call, body.allocations);
    const classes = Object.values(body.inventories).flatMap((one) => Object.keys(one.inventories));
    const malformed = (name: string): Error =>
      badRequest(`malformed reshaper data: ${classMissing(name)}`);
    const unknown = classes.find((name) => !catalogue.hasResourceClass(name));
    if (unknown !== undefined) throw malformed(unknown);
    requireClasses(call, body.allocations, malformed);
    for (const [id, change] of inventories) {
      const { holders = [], steps = 0 } = changes.get(id) ?? {};
      changes.set(id, { ...change, holders, steps: change.steps + steps });
    }
    const locks = Object.keys(body.allocations).map(consumerLock);
    return { locks, parts: partsOf(changes) };
  });
  if (refusal === undefined) return noContent;
  if (refusal.refused === 'inventory-in-use')
    throw conflict(`update conflict: ${inventoryInUse(refusal)}`, INVENTORY_IN_USE);
  if (refusal.refused === 'claim-refused') throw refusedAllocation(refusal, body.allocations);
  throw raceFault(refusal, 'update conflict');
}

function planInventories(
  { catalogue }: PlacementCall,
  body: ReshaperBody,
): ReadonlyMap<string, ProviderChange> {
  return new Map(
    Object.entries(body.inventories).map(([id, given]) => {
      const provider = catalogue.get(id);
      if (provider === undefined)
        throw new PlacementFault(
          400,
          `Resource provider ${id} in inventories not found: ${providerMissing(id)}`,
          { code: PROVIDER_NOT_FOUND },
        );
      const expectedGeneration = given.resource_provider_generation;
      if (expectedGeneration !== provider.generation)
        throw conflict(
          `resource provider generation conflict for provider ${id}: actual: ${provider.generation}, given: ${expectedGeneration}`,
          CONCURRENT_UPDATE,
        );
      const inventories = inventoriesOf(given.inventories);
      // As many steps as Placement takes: in between it keeps what was there beside what will be.
      const steps = Object.keys(inventories).length > 0 ? 2 : 1;
      return [provider.id, { holders: [], inventories, expectedGeneration, steps }];
    }),
  );
}

type Changes = Map<string, ProviderChange>;

/** By provider: what each consumer will hold there, and what it no longer will. */
function planChanges(call: PlacementCall, bodies: Bodies): Changes {
  const changes: Changes = new Map();
  const add = (id: string, holder: ProviderChange['holders'][number], steps: 0 | 1): void => {
    const known = changes.get(id);
    changes.set(id, {
      holders: [...(known?.holders ?? []), holder],
      steps: Math.max(known?.steps ?? 0, steps),
    });
  };
  const generations = Object.entries(bodies).map(
    ([consumer, body]) => [consumer, body, nextGeneration(call, consumer, body)] as const,
  );
  for (const [consumer, body, generation] of generations) {
    const held = new Map(
      call.catalogue
        .holdings(consumer)
        .map(({ provider, allocation }) => [provider.id, heldKey(allocation)]),
    );
    const wanted = wantedOf(call, body);
    const owner = {
      projectId: body.project_id ?? NOBODY,
      userId: body.user_id ?? NOBODY,
      ...(body.consumer_type === undefined ? {} : { consumerType: body.consumer_type }),
    };
    for (const [id, resources] of wanted) {
      const expects = held.get(id);
      const allocation = { ...owner, resources: { ...resources }, generation };
      add(id, { consumer, allocation, ...(expects === undefined ? {} : { expects }) }, 1);
      held.delete(id);
    }
    for (const [id, expects] of held) add(id, { consumer, expects }, wanted.size === 0 ? 1 : 0);
  }
  return changes;
}

function nextGeneration(
  { catalogue, minor }: PlacementCall,
  consumer: string,
  { consumer_generation: given }: ConsumerBody,
): number {
  const holdings = catalogue.holdings(consumer);
  const known = holdings.length === 0 ? undefined : consumerGeneration(holdings);
  if (minor >= CONSUMER_GENERATION_SINCE && (known ?? null) !== given)
    throw conflict(
      `consumer generation conflict - expected ${known ?? 'null'} but got ${given ?? 'None'}`,
      CONCURRENT_UPDATE,
    );
  return (known ?? 0) + 1;
}

/** Provider → amounts. */
function wantedOf(
  { catalogue }: PlacementCall,
  { allocations }: ConsumerBody,
): ReadonlyMap<string, Resources> {
  const pairs: readonly (readonly [string, Resources])[] = Array.isArray(allocations)
    ? allocations.map(({ resource_provider: { uuid }, resources }) => [uuid, resources] as const)
    : Object.entries(allocations).map(([uuid, { resources }]) => [uuid, resources] as const);
  const wanted = new Map<string, Resources>();
  for (const [uuid, resources] of pairs) {
    const provider = catalogue.get(uuid);
    if (provider === undefined)
      throw badRequest(`Allocation for resource provider '${uuid}' that does not exist.`);
    wanted.set(provider.id, { ...wanted.get(provider.id), ...resources });
  }
  return wanted;
}

function partsOf(changes: Changes): readonly WritePart[] {
  return [...changes].map(([providerId, { holders, ...change }]) => ({
    providerId,
    op: { kind: 'change', change: { ...change, holders: [...holders] } },
  }));
}

function requireClasses(
  { catalogue }: PlacementCall,
  bodies: Bodies,
  refused: (name: string) => Error,
): void {
  const unknown = classesOf(bodies).find((name) => !catalogue.hasResourceClass(name));
  if (unknown !== undefined) throw refused(unknown);
}

function classesOf(bodies: Bodies): readonly string[] {
  const amounts = Object.values(bodies).flatMap(({ allocations }) =>
    Object.values(allocations).map(({ resources }: { resources: Resources }) => resources),
  );
  return [...new Set(amounts.flatMap((resources) => Object.keys(resources)))];
}

function refusedAllocation(refusal: Refusal, bodies: Bodies): Error {
  if (refusal.refused === 'claim-refused')
    return conflict(`Unable to allocate inventory: ${misfitWords(refusal, classesOf(bodies))}`);
  return raceFault(refusal, 'Inventory and/or allocations changed while attempting to allocate');
}
