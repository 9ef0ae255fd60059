// Turns a request's body into a resource's attributes by its table: who may say what, in which form, with which default.
// The tables stand beside the resources; words and order of checks are Neutron's. Pure but for what it throws.
import type { Caller } from '#actors/ports/identity.ts';
import { badRequest, NetworkHttpError, notAuthorized } from './neutron-error.ts';
import { type Check, type Convert, isRecord } from './values.ts';

export interface Attribute {
  /** May be said when making, when changing. */
  readonly post?: true;
  readonly put?: true;
  readonly required?: true;
  /** What holds if nothing is said when making; without one the attribute stays away. */
  readonly default?: unknown;
  readonly check?: Check;
  readonly convert?: Convert;
  /** Only administrators say it, or also the owner of the network that the resource is on. */
  readonly for?: 'admin' | 'network-owner';
  /** Only administrators see it. */
  readonly seenBy?: 'admin';
  /** How list filters compare; without it the attribute is no filter. */
  readonly filter?: 'text' | 'boolean' | 'integer' | 'list';
}

export interface ResourceTable {
  /** `network` */
  readonly name: string;
  /** `networks` */
  readonly collection: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Speaker {
  readonly caller: Caller;
  /** Of the network concerned; administrators are owners of everything. */
  readonly ownsNetwork: boolean;
}

export type Attributes = Readonly<Record<string, unknown>>;

/** The bodies in a create request: one under the resource's name, or several under the collection's. */
export function bodiesOf(
  table: ResourceTable,
  body: unknown,
): { readonly isBulk: boolean; readonly bodies: readonly Attributes[] } {
  if (!isRecord(body)) throw badRequest('Resource body required');
  const { name, collection } = table;
  if (Object.hasOwn(body, collection)) {
    const many = body[collection];
    if (!Array.isArray(many) || many.length === 0) throw badRequest('Resources required');
    return { isBulk: true, bodies: many.map((each: unknown) => unwrap(each, name)) };
  }
  return { isBulk: false, bodies: [bodyOf(table, body)] };
}

export function bodyOf(table: ResourceTable, body: unknown): Attributes {
  if (!isRecord(body)) throw badRequest('Resource body required');
  const own = body[table.name];
  if (own === undefined) throw badRequest(`Unable to find '${table.name}' in request body`);
  if (!isRecord(own)) throw badRequest(`'${table.name}' in the request body is not an object`);
  return own;
}

/** In a bulk request each may stand under the resource's name again. */
function unwrap(each: unknown, name: string): Attributes {
  const inner = isRecord(each) && isRecord(each[name]) ? each[name] : each;
  if (!isRecord(inner)) throw badRequest('Resource body required');
  return inner;
}

/** Every attribute that a new resource has from its request, and `projectId`. */
export function parseNew(
  table: ResourceTable,
  body: Attributes,
  speaker: Speaker,
): { readonly values: Attributes; readonly projectId: string } {
  const { tenant_id: tenantId, project_id: wanted = tenantId, ...own } = body;
  const projectId = projectOf(speaker.caller, wanted, tenantId);
  refuseUnknown(table, own);
  const values: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries(table.attributes)) {
    const said = Object.hasOwn(own, name);
    if (said && attribute.post !== true)
      throw badRequest(`Attribute '${name}' not allowed in POST`);
    if (!said && attribute.required === true)
      throw badRequest(`Failed to parse request. Required attribute '${name}' not specified`);
    if (said) values[name] = own[name];
  }
  for (const [name, value] of Object.entries(values)) {
    authorise(speaker, table.attributes[name], `create_${table.name}:${name}`);
    values[name] = understand(name, table.attributes[name], value);
  }
  for (const [name, attribute] of Object.entries(table.attributes))
    if (values[name] === undefined && attribute.default !== undefined)
      values[name] = attribute.default;
  return { values, projectId };
}

/** What a change request says. */
export function parseChange(table: ResourceTable, body: Attributes, speaker: Speaker): Attributes {
  const { tenant_id: tenantId, project_id: projectId, ...own } = body;
  if (tenantId !== undefined || projectId !== undefined)
    throw badRequest('Cannot update read-only attribute tenant_id');
  refuseUnknown(table, own);
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(own)) {
    const attribute = table.attributes[name];
    if (attribute?.put !== true) throw badRequest(`Cannot update read-only attribute ${name}`);
    authorise(speaker, attribute, `update_${table.name}:${name}`);
    values[name] = understand(name, attribute, value);
  }
  return values;
}

function projectOf(caller: Caller, wanted: unknown, tenantId: unknown): string {
  if (wanted === undefined) {
    if (caller.projectId !== undefined) return caller.projectId;
    throw badRequest('A project is needed: the token is for none, and the request names none');
  }
  if (tenantId !== undefined && tenantId !== wanted)
    throw badRequest("'project_id' and 'tenant_id' do not match");
  if (typeof wanted !== 'string' || wanted === '' || wanted.length > 255)
    throw badRequest(`Invalid input for project_id. Reason: it is not a valid string.`);
  if (wanted !== caller.projectId && !caller.isAdmin)
    throw badRequest(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request " +
        'requires admin privileges',
    );
  return wanted;
}

function refuseUnknown(table: ResourceTable, own: Attributes): void {
  const unknown = Object.keys(own).filter((name) => !Object.hasOwn(table.attributes, name));
  if (unknown.length > 0) throw badRequest(`Unrecognized attribute(s) '${unknown.join(', ')}'`);
}

function authorise(speaker: Speaker, attribute: Attribute | undefined, rule: string): void {
  if (speaker.caller.isAdmin || attribute?.for === undefined) return;
  if (attribute.for === 'network-owner' && speaker.ownsNetwork) return;
  throw notAuthorized(rule);
}

function understand(name: string, attribute: Attribute | undefined, value: unknown): unknown {
  const reason = attribute?.check?.(value);
  if (reason !== undefined)
    throw new NetworkHttpError(
      400,
      'HTTPBadRequest',
      `Invalid input for ${name}. Reason: ${reason}.`,
    );
  return attribute?.convert === undefined ? value : attribute.convert(value);
}
