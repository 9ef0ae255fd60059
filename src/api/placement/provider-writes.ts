// POST, PUT and DELETE of resource providers: names are unique, trees have no loops, a parent stays as long as it has
// children. All changes of the tree are one after the other, so what is read here still holds when they are made.
import { TREE_LOCK, type WritePart } from '#actors/placement/protocol.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import { readBody } from './body.ts';
import { badRequest } from './envelope.ts';
import { linkOf, viewProvider } from './providers.ts';
import {
  CANNOT_DELETE_PARENT,
  conflict,
  DUPLICATE_NAME,
  notFound,
  PROVIDER_IN_USE,
  providerMissing,
  providerNotFound,
  raceFault,
} from './refusals.ts';
import { answer, noContent, type PlacementAnswer, type PlacementCall } from './route.ts';
import { providerSchema } from './schemas.ts';

/** Minor versions from which a reply has a body, and a provider may be hung elsewhere. */
const BODY_SINCE = 20;
const MOVES_SINCE = 37;

interface ProviderBody {
  readonly name: string;
  readonly uuid?: string;
  readonly parent_provider_uuid?: string | null;
}

export async function createProvider(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, minor, body } = call;
  const wanted = readBody(body, providerSchema(minor, true)) as ProviderBody;
  const { name } = wanted;
  const id = wanted.uuid === undefined ? call.writer.newId() : canonicalUuid(wanted.uuid);
  const parentId = wanted.parent_provider_uuid ?? undefined;
  const refused = (reason: string): Error =>
    badRequest(
      `Unable to create resource provider "${name}", ${id}: Object action create failed because: ${reason}`,
    );
  await change(call, () => {
    if (name === '') throw refused('name is required');
    if (parentId === id)
      throw refused(
        'parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent.',
      );
    const parent = parentId === undefined ? undefined : catalogue.get(parentId);
    if (parentId !== undefined && parent === undefined)
      throw refused('parent provider UUID does not exist.');
    if (catalogue.isTaken(id)) throw duplicate(`uuid: ${id}`);
    if (catalogue.named(name) !== undefined) throw duplicate(`name: ${name}`);
    return { providerId: id, op: { kind: 'create', name, ...below(parent?.id) } };
  });
  const location = linkOf(id, call);
  if (minor < BODY_SINCE) return { status: 201, headers: { location } };
  return { ...answer(viewProvider(present(call, id), call)), headers: { location } };
}

export async function updateProvider(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, minor, body, params } = call;
  const id = params['uuid'] ?? '';
  present(call, id);
  const wanted = readBody(body, providerSchema(minor, false)) as ProviderBody;
  const { name } = wanted;
  await change(call, () => {
    const provider = present(call, id);
    const parent = newParent(call, provider, wanted.parent_provider_uuid);
    const holder = catalogue.named(name);
    if (holder !== undefined && holder.id !== id)
      throw conflict(`Conflicting resource provider ${name} already exists.`, DUPLICATE_NAME);
    return { providerId: id, op: { kind: 'place', name, ...below(parent) } };
  });
  return answer(viewProvider(present(call, id), call));
}

export async function deleteProvider(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, params } = call;
  const id = params['uuid'] ?? '';
  await change(call, () => {
    const provider = catalogue.get(id);
    if (provider === undefined) throw notFound(`${providerMissing(id)} for delete`);
    if (catalogue.childrenOf(provider.id).length > 0)
      throw conflict(
        `Unable to delete parent resource provider ${id}: It has child resource providers.`,
        CANNOT_DELETE_PARENT,
      );
    return { providerId: provider.id, op: { kind: 'remove' } };
  });
  return noContent;
}

async function change(call: PlacementCall, plan: () => WritePart): Promise<void> {
  const refusal = await call.writer.write(() => ({ locks: [TREE_LOCK], parts: [plan()] }));
  if (refusal !== undefined) throw refusedChange(refusal);
}

function refusedChange(refusal: Refusal): Error {
  const id = String(refusal.detail['provider']);
  switch (refusal.refused) {
    case 'provider-in-use':
      return conflict(
        `Unable to delete resource provider ${id}: Resource provider has allocations.`,
        PROVIDER_IN_USE,
      );
    case 'provider-exists':
      return duplicate(`uuid: ${id}`);
    case 'provider-not-found':
      return providerNotFound(id);
    default:
      return raceFault(refusal, 'Update conflict');
  }
}

/** The id of the parent that it will have; undefined for none. */
function newParent(
  { catalogue, minor }: PlacementCall,
  provider: ProviderState,
  wanted: string | null | undefined,
): string | undefined {
  const { id, parentId } = provider;
  const refused = (action: string, reason: string): Error =>
    badRequest(
      `Unable to save resource provider ${id}: Object action ${action} failed because: ${reason}`,
    );
  if (wanted === undefined || (wanted === null && parentId === undefined)) return parentId;
  if (wanted === null) {
    if (minor >= MOVES_SINCE) return undefined;
    throw refused('update', 'un-parenting a provider is not currently allowed.');
  }
  const parent = catalogue.get(wanted);
  if (parent === undefined) throw refused('create', 'parent provider UUID does not exist.');
  if (parentId !== undefined && parentId !== parent.id && minor < MOVES_SINCE)
    throw refused('update', 're-parenting a provider is not currently allowed.');
  if (catalogue.lineOf(parent).includes(id))
    throw refused('update', 'creating loop in the provider tree is not allowed.');
  return parent.id;
}

function present({ catalogue }: PlacementCall, id: string): ProviderState {
  const provider = catalogue.get(id);
  if (provider === undefined) throw providerNotFound(id);
  return provider;
}

function duplicate(what: string): Error {
  return conflict(`Conflicting resource provider ${what} already exists.`, DUPLICATE_NAME);
}

function below(parentId: string | undefined): { readonly parentId?: string } {
  return parentId === undefined ? {} : { parentId };
}

/** With hyphens, in lower case. */
export function canonicalUuid(text: string): string {
  const digits = text.replaceAll(/urn:|uuid:|[{}-]/g, '').toLowerCase();
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join('-');
}
