// /flavors: list, show, create, describe, delete. Flavors are names for sizes; servers keep a copy of theirs.
import { ALL_FLAVORS, flavors, type FlavorRecord } from '#actors/catalog/protocol.ts';
import type { Flavor } from '#actors/domain/server.ts';
import { present } from '#runtime/assert.ts';
import { compileExpression } from '../../expression.ts';
import { badRequest } from '../../envelope.ts';
import { isTrue } from '../../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { findFlavor, isShared, readFlavors } from './flavor-lookup.ts';
import { createFlavor, listFlavors, updateFlavor } from './flavor-schemas.ts';
import { basicFlavor, wholeFlavor } from './flavor-view.ts';
import { linksField, pageOf } from '../paging.ts';

const all = flavors.ref(ALL_FLAVORS);

export const flavorRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/flavors',
    query: listFlavors,
    handler: (call) => list(call, '/flavors', basicFlavor),
  },
  {
    method: 'GET',
    path: '/flavors/detail',
    query: listFlavors,
    handler: (call) => list(call, '/flavors/detail', wholeFlavor),
  },
  {
    method: 'POST',
    path: '/flavors',
    policy: 'os-flavor-manage:create',
    body: createFlavor,
    handler: create,
  },
  { method: 'GET', path: '/flavors/:id', handler: (call) => show(call, idOf(call)) },
  {
    method: 'PUT',
    path: '/flavors/:id',
    since: 55,
    policy: 'os-flavor-manage:update',
    body: updateFlavor,
    handler: describe,
  },
  {
    method: 'DELETE',
    path: '/flavors/:id',
    policy: 'os-flavor-manage:delete',
    success: 202,
    handler: async (call) => {
      await ask(call, all, { type: 'flavor.delete', flavorId: idOf(call) });
    },
  },
];

function idOf(call: ComputeCall): string {
  return present(call.params['id'], 'flavor id in the path');
}

async function list(
  call: ComputeCall,
  path: string,
  view: (call: ComputeCall, record: FlavorRecord) => object,
): Promise<object> {
  const records = await readFlavors(call);
  const wanted = records.filter(isWanted(call));
  const page = pageOf(call, {
    items: sorted(call, wanted),
    idOf: ({ flavor }) => flavor.id,
    path,
  });
  return {
    flavors: page.items.map((record) => view(call, record)),
    ...linksField('flavors', page.links),
  };
}

function isWanted(call: ComputeCall): (record: FlavorRecord) => boolean {
  const minRam = wholeNumber(call, 'minRam');
  const minDisk = wholeNumber(call, 'minDisk');
  const name = call.from(102) ? nameFilter(call.queryValue('name')) : undefined;
  const { isAdmin, projectId } = call.caller;
  const isPublic = isAdmin ? publicFilter(call.queryValue('is_public')) : true;
  const isVisible = (record: FlavorRecord): boolean =>
    isPublic === undefined || (isPublic ? isShared(record, projectId) : !record.flavor.isPublic);
  return (record) =>
    record.flavor.ramMiB >= minRam &&
    record.flavor.diskGiB >= minDisk &&
    name?.(record.flavor.name) !== false &&
    (isAdmin || !record.flavor.disabled) &&
    isVisible(record);
}

/** A regular expression, as names of servers are looked for. */
function nameFilter(text: string | undefined): ((name: string) => boolean) | undefined {
  if (text === undefined) return undefined;
  const expression = compileExpression(text);
  if (expression === undefined) throw badRequest(`Invalid name filter [${text}]`);
  return (name) => expression.matches(name);
}

function wholeNumber(call: ComputeCall, name: string): number {
  const text = call.queryValue(name);
  if (text === undefined) return 0;
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw badRequest(`Invalid ${name} filter [${text}]`);
  return Number(text);
}

/** True: public ones and those of the caller's project; false: private ones; undefined (`none`): all. */
function publicFilter(text: string | undefined): boolean | undefined {
  if (text === undefined) return true;
  const word = text.trim().toLowerCase();
  if (word === 'none') return undefined;
  if (['1', 't', 'true', 'on', 'y', 'yes'].includes(word)) return true;
  if (['0', 'f', 'false', 'off', 'n', 'no'].includes(word)) return false;
  throw badRequest(`Invalid is_public filter [${text}]`);
}

type Figure = string | number | boolean | undefined;
const figures: Readonly<Record<string, (record: FlavorRecord) => Figure>> = {
  created_at: (record) => record.createdAtMs,
  updated_at: (record) => record.updatedAtMs,
  description: ({ flavor }) => flavor.description,
  disabled: ({ flavor }) => flavor.disabled,
  ephemeral_gb: ({ flavor }) => flavor.ephemeralGiB,
  flavorid: ({ flavor }) => flavor.id,
  is_public: ({ flavor }) => flavor.isPublic,
  memory_mb: ({ flavor }) => flavor.ramMiB,
  name: ({ flavor }) => flavor.name,
  root_gb: ({ flavor }) => flavor.diskGiB,
  rxtx_factor: ({ flavor }) => flavor.rxtxFactor,
  swap: ({ flavor }) => flavor.swapMiB,
  vcpus: ({ flavor }) => flavor.vcpus,
};

/** Stable, so that equal ones stay in the order in which they were made; that is also what `id` sorts by. */
function sorted(call: ComputeCall, records: readonly FlavorRecord[]): readonly FlavorRecord[] {
  const figure = figures[call.queryValue('sort_key') ?? 'flavorid'];
  const descending = call.queryValue('sort_dir') === 'desc';
  const ordered = descending ? records.toReversed() : [...records];
  if (figure === undefined) return ordered;
  const sign = descending ? -1 : 1;
  return ordered.sort((one, other) => sign * compare(figure(one), figure(other)));
}

/** What is not there comes first, as in a database. */
function compare(one: Figure, other: Figure): number {
  if (one === other) return 0;
  if (one === undefined) return -1;
  if (other === undefined) return 1;
  return one < other ? -1 : 1;
}

async function show(call: ComputeCall, flavorId: string): Promise<object> {
  return { flavor: wholeFlavor(call, await findFlavor(call, flavorId)) };
}

type Count = number | string;
interface CreateBody {
  readonly flavor: {
    readonly name: string;
    readonly id?: string | number | null;
    readonly ram: Count;
    readonly vcpus: Count;
    readonly disk: Count;
    readonly 'OS-FLV-EXT-DATA:ephemeral'?: Count;
    readonly swap?: Count;
    readonly rxtx_factor?: Count;
    readonly 'os-flavor-access:is_public'?: boolean | string;
    readonly description?: string | null;
  };
}

async function create(call: ComputeCall): Promise<object> {
  const { flavor: asked } = call.body as CreateBody;
  const rxtxFactor = Number(asked.rxtx_factor ?? 1);
  if (rxtxFactor <= 0)
    throw badRequest(
      `Invalid input for field/attribute rxtx_factor. Value: ${asked.rxtx_factor}. ${rxtxFactor} is less than or equal to the minimum of 0`,
    );
  const id = asked.id ?? 'auto';
  const { description } = asked;
  const flavor: Flavor = {
    id: id === 'auto' ? call.context.env.random.uuid() : String(id),
    name: asked.name.trim(),
    vcpus: Number(asked.vcpus),
    ramMiB: Number(asked.ram),
    diskGiB: Number(asked.disk),
    ephemeralGiB: Number(asked['OS-FLV-EXT-DATA:ephemeral'] ?? 0),
    swapMiB: Number(asked.swap ?? 0),
    rxtxFactor,
    isPublic: isTrue(asked['os-flavor-access:is_public'] ?? true),
    disabled: false,
    ...(description === undefined || description === null ? {} : { description }),
    extraSpecs: {},
  };
  await ask(call, all, { type: 'flavor.create', flavor });
  return show(call, flavor.id);
}

async function describe(call: ComputeCall): Promise<object> {
  const { description } = (call.body as { flavor: { description: string | null } }).flavor;
  await ask(call, all, { type: 'flavor.describe', flavorId: idOf(call), description });
  return show(call, idOf(call));
}
