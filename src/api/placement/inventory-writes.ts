// Writes of inventories: all of a provider's, or one class. A client that names no generation is served on the one that
// is read here, and again if others change it meanwhile.
import type { Inventory, ProviderState } from '#actors/provider/protocol.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { readBody } from './body.ts';
import { badRequest } from './envelope.ts';
import { linkOf, viewInventories, viewInventory } from './providers.ts';
import {
  classMissing,
  CONCURRENT_UPDATE,
  conflict,
  INVENTORY_IN_USE,
  inventoryInUse,
  notFound,
  OTHERS_UPDATED_PROVIDER,
  providerNotFound,
  raceFault,
} from './refusals.ts';
import { answer, noContent, type PlacementAnswer, type PlacementCall } from './route.ts';
import { postInventorySchema, putInventoriesSchema, putInventorySchema } from './schemas.ts';

export type Inventories = Readonly<Record<string, Inventory>>;

/** From this minor version on all of a class may be reserved. */
const ALL_RESERVED_SINCE = 26;
const MOST = 2 ** 31 - 1;

interface InventoryBody {
  readonly total: number;
  readonly reserved?: number;
  readonly min_unit?: number;
  readonly max_unit?: number;
  readonly step_size?: number;
  readonly allocation_ratio?: number;
}
type Generation = { readonly resource_provider_generation: number };

export function inventoryOf(body: InventoryBody): Inventory {
  return {
    total: body.total,
    reserved: body.reserved ?? 0,
    minUnit: body.min_unit ?? 1,
    maxUnit: body.max_unit ?? MOST,
    stepSize: body.step_size ?? 1,
    allocationRatio: body.allocation_ratio ?? 1,
  };
}

export async function putInventories(call: PlacementCall): Promise<PlacementAnswer> {
  const provider = providerOf(call);
  const body = readBody(call.body, putInventoriesSchema) as Generation & {
    inventories: Record<string, InventoryBody>;
  };
  requireGeneration(provider, body);
  const inventories = inventoriesOf(body.inventories);
  checkCapacities(call, provider, inventories, 'update');
  const unknown = Object.keys(inventories).find((name) => !call.catalogue.hasResourceClass(name));
  if (unknown !== undefined)
    throw badRequest(
      `Unknown resource class in inventory for resource provider ${provider.id}: ${classMissing(unknown)}`,
    );
  const generation = await set(call, provider, { inventories, refused: refusedUpdate });
  return answer(viewInventories(inventories, generation));
}

/** The schema looks at names of the right form only: what stands under another one may be anything. */
export function inventoriesOf(bodies: Readonly<Record<string, InventoryBody | null>>): Inventories {
  return Object.fromEntries(
    Object.entries(bodies).map(([name, body]) => {
      if (typeof body !== 'object' || body === null || !Number.isSafeInteger(body.total))
        throw badRequest(`JSON does not validate: inventory of class ${name} has no total`);
      return [name, inventoryOf(body)];
    }),
  );
}

export async function createInventory(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue } = call;
  providerOf(call);
  const body = readBody(call.body, postInventorySchema) as InventoryBody & {
    resource_class: string;
  };
  const resource = body.resource_class;
  const inventory = inventoryOf(body);
  const generation = await settled(call, (provider) => {
    checkCapacities(call, provider, { [resource]: inventory }, 'create');
    if (!catalogue.hasResourceClass(resource))
      throw badRequest(
        `Unable to create inventory for resource provider ${provider.id}: ${classMissing(resource)}`,
      );
    if (Object.hasOwn(provider.inventories, resource))
      throw conflict(`Update conflict: ${OTHERS_UPDATED_PROVIDER}`, CONCURRENT_UPDATE);
    return {
      inventories: { ...provider.inventories, [resource]: inventory },
      refused: refusedUpdate,
    };
  });
  const location = `${linkOf(call.params['uuid'] ?? '', call)}/inventories/${resource}`;
  return { status: 201, body: viewInventory(inventory, generation), headers: { location } };
}

export async function putInventory(call: PlacementCall): Promise<PlacementAnswer> {
  const provider = providerOf(call);
  const resource = call.params['resource_class'] ?? '';
  const body = readBody(call.body, putInventorySchema) as Generation & InventoryBody;
  requireGeneration(provider, body);
  const inventory = inventoryOf(body);
  checkCapacities(call, provider, { [resource]: inventory }, 'update');
  if (!call.catalogue.hasResourceClass(resource)) throw notFound(classMissing(resource));
  if (!Object.hasOwn(provider.inventories, resource))
    throw badRequest(
      `No inventory record with resource class for resource provider ${provider.id}: No inventory of class ${resource} found.`,
    );
  const inventories = { ...provider.inventories, [resource]: inventory };
  const generation = await set(call, provider, { inventories, refused: refusedUpdate });
  return answer(viewInventory(inventory, generation));
}

export async function deleteInventory(call: PlacementCall): Promise<PlacementAnswer> {
  const resource = call.params['resource_class'] ?? '';
  const opening = `Unable to delete inventory of class ${resource}`;
  const missing = `No inventory of class ${resource} found for delete`;
  await settled(call, (provider) => {
    if (!call.catalogue.hasResourceClass(resource))
      throw notFound(`${missing}: ${classMissing(resource)}`);
    if (!Object.hasOwn(provider.inventories, resource)) throw notFound(`${missing}: ${missing}`);
    const { [resource]: _gone, ...inventories } = provider.inventories;
    return {
      inventories,
      refused: (refusal) =>
        refusal.refused === 'inventory-in-use'
          ? conflict(`${opening}: ${inventoryInUse(refusal)}`, CONCURRENT_UPDATE)
          : raceFault(refusal, opening),
    };
  });
  return noContent;
}

export async function deleteInventories(call: PlacementCall): Promise<PlacementAnswer> {
  await settled(call, () => ({
    inventories: {},
    refused: (refusal) =>
      refusal.refused === 'inventory-in-use'
        ? conflict(inventoryInUse(refusal), INVENTORY_IN_USE)
        : raceFault(refusal, 'Unable to delete inventory'),
  }));
  return noContent;
}

interface Wanted {
  readonly inventories: Inventories;
  readonly refused: (refusal: Refusal) => Error;
}

/** On the generation that is read, and again while others change it; the new one. */
async function settled(
  call: PlacementCall,
  wantedOf: (provider: ProviderState) => Wanted,
): Promise<number> {
  let last: Error = providerNotFound('');
  const generation = await call.writer.retried(async () => {
    const provider = providerOf(call);
    const wanted = wantedOf(provider);
    const outcome = await ask(call, provider, wanted.inventories);
    if (!isRefusal(outcome)) return outcome.generation;
    last = wanted.refused(outcome);
    if (outcome.refused !== 'provider-generation-conflict' && outcome.refused !== 'provider-busy')
      throw last;
    return undefined;
  });
  if (generation === undefined) throw last;
  return generation;
}

async function set(call: PlacementCall, provider: ProviderState, wanted: Wanted): Promise<number> {
  const outcome = await ask(call, provider, wanted.inventories);
  if (isRefusal(outcome)) throw wanted.refused(outcome);
  return outcome.generation;
}

async function ask(
  call: PlacementCall,
  { id, generation }: ProviderState,
  inventories: Inventories,
): Promise<Refusal | { readonly generation: number }> {
  const reply = await call.writer.ask(id, {
    type: 'provider.set-inventories',
    expectedGeneration: generation,
    inventories: { ...inventories },
  });
  return reply as Refusal | { readonly generation: number };
}

function refusedUpdate(refusal: Refusal): Error {
  if (refusal.refused === 'inventory-in-use')
    return conflict(`update conflict: ${inventoryInUse(refusal)}`, INVENTORY_IN_USE);
  return raceFault(refusal, 'update conflict');
}

function requireGeneration(
  { generation }: ProviderState,
  { resource_provider_generation: known }: Generation,
): void {
  if (known !== generation)
    throw conflict('resource provider generation conflict', CONCURRENT_UPDATE);
}

function checkCapacities(
  { minor }: PlacementCall,
  { id }: ProviderState,
  inventories: Inventories,
  action: 'create' | 'update',
): void {
  const isAllowed = (capacity: number): boolean =>
    minor >= ALL_RESERVED_SINCE ? capacity >= 0 : capacity > 0;
  const bad = Object.entries(inventories).find(
    ([, { total, reserved, allocationRatio }]) =>
      !isAllowed(Math.trunc((total - reserved) * allocationRatio)) || allocationRatio < 0,
  );
  if (bad === undefined) return;
  const rule =
    minor >= ALL_RESERVED_SINCE ? 'greater than total' : 'greater than or equal to total';
  throw badRequest(
    `Unable to ${action} inventory for resource provider ${id}: Invalid inventory for '${bad[0]}' on resource provider '${id}'. The reserved value is ${rule}.`,
  );
}

function providerOf({ catalogue, params }: PlacementCall): ProviderState {
  const id = params['uuid'] ?? '';
  const provider = catalogue.get(id);
  if (provider === undefined) throw providerNotFound(id);
  return provider;
}
