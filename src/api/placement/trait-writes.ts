// Writes of traits and aggregates of a provider, and of the names that traits and resource classes may have.
import type { ProviderState } from '#actors/provider/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { checkValue, readBody } from './body.ts';
import { badRequest } from './envelope.ts';
import { viewResourceClass } from './names.ts';
import {
  classMissing,
  CONCURRENT_UPDATE,
  conflict,
  notFound,
  providerNotFound,
  raceFault,
} from './refusals.ts';
import { answer, noContent, type PlacementAnswer, type PlacementCall } from './route.ts';
import {
  aggregatesSchema,
  CUSTOM_NAME,
  customNameSchema,
  providerTraitsSchema,
} from './schemas.ts';
import { standardResourceClasses } from './standard-names-table.ts';

const AGGREGATE_GENERATION_SINCE = 19;
const CLASS_BY_NAME_SINCE = 7;
const LONGEST_NAME = 255;
const CHANGED_MEANWHILE =
  "Resource provider's generation already changed. Please update the generation and try again.";

export async function putProviderTraits(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, body } = call;
  const wanted = readBody(body, providerTraitsSchema) as {
    traits: string[];
    resource_provider_generation: number;
  };
  const provider = providerOf(call);
  if (wanted.resource_provider_generation !== provider.generation)
    throw conflict(CHANGED_MEANWHILE, CONCURRENT_UPDATE);
  const traits = [...new Set(wanted.traits)].sort();
  const unknown = traits.filter((name) => !catalogue.hasTrait(name));
  if (unknown.length > 0) throw badRequest(`No such trait ${unknown.join(', ')}`);
  const generation = await setTraits(call, provider, traits);
  return answer({ traits, resource_provider_generation: generation });
}

export async function deleteProviderTraits(call: PlacementCall): Promise<PlacementAnswer> {
  await setTraits(call, providerOf(call), []);
  return noContent;
}

async function setTraits(
  { writer }: PlacementCall,
  { id, generation, traits: held }: ProviderState,
  traits: string[],
): Promise<number> {
  if (held.length === traits.length && held.every((trait, at) => trait === traits[at]))
    return generation;
  const reply = await writer.ask(id, {
    type: 'provider.set-traits',
    expectedGeneration: generation,
    traits,
  });
  if (isRefusal(reply)) throw raceFault(reply, 'Update conflict');
  return (reply as { generation: number }).generation;
}

export async function putProviderAggregates(call: PlacementCall): Promise<PlacementAnswer> {
  const { minor, body, writer } = call;
  const provider = providerOf(call);
  const isGuarded = minor >= AGGREGATE_GENERATION_SINCE;
  const wanted = readBody(body, aggregatesSchema(minor)) as string[] & {
    aggregates: string[];
    resource_provider_generation: number;
  };
  if (isGuarded && wanted.resource_provider_generation !== provider.generation)
    throw conflict(CHANGED_MEANWHILE, CONCURRENT_UPDATE);
  const aggregates = isGuarded ? wanted.aggregates : wanted;
  const reply = await writer.ask(provider.id, {
    type: 'provider.set-aggregates',
    aggregates: [...aggregates],
    ...(isGuarded ? { expectedGeneration: provider.generation } : {}),
  });
  if (isRefusal(reply)) throw raceFault(reply, 'Update conflict');
  if (!isGuarded) return answer({ aggregates });
  const { generation } = reply as { generation: number };
  return answer({ aggregates, resource_provider_generation: generation });
}

export async function putTrait(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, writer, params, prefix } = call;
  const name = params['name'] ?? '';
  if (!new RegExp(CUSTOM_NAME).test(name) || name.length > LONGEST_NAME)
    throw badRequest(
      'The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"',
    );
  const headers = { location: `${prefix}/traits/${name}` };
  if (catalogue.hasTrait(name)) return { status: 204, headers };
  const reply = await writer.askNames({
    type: 'placement-names.add',
    list: 'traits',
    name,
    mustBeNew: false,
  });
  if (isRefusal(reply)) throw raceFault(reply, 'Update conflict');
  return { status: (reply as { isNew: boolean }).isNew ? 201 : 204, headers };
}

export async function deleteTrait(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, writer, params } = call;
  const name = params['name'] ?? '';
  const missing = notFound(`No such trait(s): ${name}.`);
  if (!catalogue.hasTrait(name)) throw missing;
  if (!name.startsWith('CUSTOM_')) throw badRequest(`Cannot delete standard trait ${name}.`);
  if (catalogue.traitsInUse().includes(name))
    throw conflict(`The trait ${name} is in use by a resource provider.`);
  const reply = await writer.askNames({ type: 'placement-names.remove', list: 'traits', name });
  if (isRefusal(reply)) throw missing;
  return noContent;
}

export async function createResourceClass(call: PlacementCall): Promise<PlacementAnswer> {
  const { name } = readBody(call.body, customNameSchema) as { name: string };
  const exists = conflict(`Conflicting resource class already exists: ${name}`);
  if (call.catalogue.hasResourceClass(name)) throw exists;
  const reply = await addClass(call, name, true);
  if (isRefusal(reply)) throw exists;
  return { status: 201, headers: { location: classLink(call, name) } };
}

/** From 1.7 on makes the class of this name; before, it gives it another. */
export async function putResourceClass(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, minor, params } = call;
  const name = params['name'] ?? '';
  if (minor < CLASS_BY_NAME_SINCE) return renameResourceClass(call, name);
  checkValue(customNameSchema, { name });
  const headers = { location: classLink(call, name) };
  if (catalogue.hasResourceClass(name)) return { status: 204, headers };
  const reply = await addClass(call, name, false);
  if (isRefusal(reply)) throw raceFault(reply, 'Update conflict');
  return { status: (reply as { isNew: boolean }).isNew ? 201 : 204, headers };
}

/** A class that a provider has is known there by its name: that one keeps it. */
async function renameResourceClass(call: PlacementCall, name: string): Promise<PlacementAnswer> {
  const { catalogue, writer, prefix } = call;
  const { name: to } = readBody(call.body, customNameSchema) as { name: string };
  if (!catalogue.hasResourceClass(name)) throw notFound(classMissing(name));
  if (standardResourceClasses.includes(name))
    throw badRequest(`Cannot update standard resource class ${name}`);
  const exists = conflict(`Resource class already exists: ${to}`);
  if (to !== name && catalogue.hasResourceClass(to)) throw exists;
  if (to === name) return answer(viewResourceClass(name, prefix));
  if (catalogue.isClassInUse(name))
    throw conflict(
      `Cannot rename resource class ${name} to ${to}: providers have inventory of it. Make ${to}, give them inventory of that, and delete ${name}.`,
    );
  const reply = await writer.askNames({
    type: 'placement-names.rename',
    list: 'classes',
    name,
    to,
  });
  if (isRefusal(reply))
    throw reply.refused === 'name-exists' ? exists : notFound(classMissing(name));
  return answer(viewResourceClass(to, prefix));
}

export async function deleteResourceClass(call: PlacementCall): Promise<PlacementAnswer> {
  const { catalogue, writer, params } = call;
  const name = params['name'] ?? '';
  const missing = notFound(classMissing(name));
  if (!catalogue.hasResourceClass(name)) throw missing;
  const opening = 'Error in delete resource class';
  if (standardResourceClasses.includes(name))
    throw badRequest(`${opening}: Cannot delete standard resource class ${name}.`);
  if (catalogue.isClassInUse(name))
    throw conflict(
      `${opening}: Cannot delete resource class ${name}. Class is in use in inventory.`,
    );
  const reply = await writer.askNames({ type: 'placement-names.remove', list: 'classes', name });
  if (isRefusal(reply)) throw missing;
  return noContent;
}

function addClass({ writer }: PlacementCall, name: string, mustBeNew: boolean): Promise<unknown> {
  return writer.askNames({ type: 'placement-names.add', list: 'classes', name, mustBeNew });
}

function classLink({ prefix }: PlacementCall, name: string): string {
  return `${prefix}/resource_classes/${name}`;
}

function providerOf({ catalogue, params }: PlacementCall): ProviderState {
  const id = params['uuid'] ?? '';
  const provider = catalogue.get(id);
  if (provider === undefined) throw providerNotFound(id);
  return provider;
}
