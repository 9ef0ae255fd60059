// GET /traits and GET /resource_classes, and the refusal of names that don't exist in filters. Pure.
import { refuse } from '#runtime/message/refusal.ts';
import type { ProviderCatalogue } from './catalogue.ts';
import { badRequest, faultOf } from './envelope.ts';
import { checkKeys, type Query, type TraitWishes } from './query.ts';
import { answer, type PlacementAnswer, type PlacementCall } from './route.ts';

export function listTraits({ catalogue, query }: PlacementCall): PlacementAnswer {
  checkKeys(query, (key) => key === 'name' || key === 'associated');
  const isWanted = traitFilter(query.get('name'));
  const associated = parseAssociated(query);
  const inUse = new Set(associated === undefined ? [] : catalogue.traitsInUse());
  const traits = catalogue
    .traits()
    .filter((name) => isWanted(name))
    .filter((name) => associated === undefined || inUse.has(name) === associated);
  return answer({ traits });
}

/** `in:A,B` or `startswith:HW_`; any other word before the colon filters nothing, as in Placement. */
function traitFilter(value: string | undefined): (name: string) => boolean {
  if (value === undefined) return () => true;
  const colon = value.indexOf(':');
  if (colon < 0)
    throw badRequest(
      'Badly formatted name parameter. Expected name query string parameter in form: ' +
        `?name=[in|startswith]:[name1,name2|prefix]. Got: "${value}"`,
    );
  const [word, rest] = [value.slice(0, colon), value.slice(colon + 1)];
  if (word === 'startswith') return (name) => name.startsWith(rest);
  if (word !== 'in') return () => true;
  const names = new Set(rest.split(','));
  return (name) => names.has(name);
}

function parseAssociated(query: Query): boolean | undefined {
  const value = query.get('associated')?.toLowerCase();
  if (value !== undefined && value !== 'true' && value !== 'false')
    throw badRequest('The query parameter "associated" only accepts "true" or "false"');
  return value === undefined ? undefined : value === 'true';
}

/** 204 is the answer yes. */
export function showTrait({ catalogue, params }: PlacementCall): PlacementAnswer {
  const name = params['name'] ?? '';
  if (!catalogue.hasTrait(name)) throw faultOf(refuse('trait-not-found', { name }));
  return { status: 204 };
}

export function listResourceClasses({ catalogue, prefix }: PlacementCall): PlacementAnswer {
  const names = catalogue.resourceClasses();
  return answer({ resource_classes: names.map((name) => viewResourceClass(name, prefix)) });
}

export function showResourceClass({ catalogue, params, prefix }: PlacementCall): PlacementAnswer {
  const name = params['name'] ?? '';
  if (!catalogue.hasResourceClass(name))
    throw faultOf(refuse('resource-class-not-found', { name }));
  return answer(viewResourceClass(name, prefix));
}

export function viewResourceClass(name: string, prefix: string): unknown {
  return { name, links: [{ rel: 'self', href: `${prefix}/resource_classes/${name}` }] };
}

/** In a filter a class that does not exist is a fault of the request. */
export function requireClasses(
  catalogue: ProviderCatalogue,
  resources: Readonly<Record<string, number>>,
): void {
  const unknown = Object.keys(resources).find((name) => !catalogue.hasResourceClass(name));
  if (unknown !== undefined)
    throw badRequest(
      `Invalid resource class in resources parameter: No such resource class ${unknown}.`,
    );
}

/** Those that don't exist, as a list for people; undefined if all do. */
export function unknownTraits(
  catalogue: ProviderCatalogue,
  wishes: readonly TraitWishes[],
): string | undefined {
  const asked = wishes.flatMap(({ required, forbidden }) => [...required.flat(), ...forbidden]);
  const unknown = [...new Set(asked)].filter((name) => !catalogue.hasTrait(name));
  return unknown.length === 0 ? undefined : unknown.sort().join(', ');
}
