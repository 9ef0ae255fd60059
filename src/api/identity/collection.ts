// The five routes that every identity resource has (list, show, create, change, delete), from one description of the
// resource. In Keystone's order: who asks (401), may they (403), is the body right (400), does it exist (404).
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IdentityCommand } from '#actors/services/identity/protocol.ts';
import type { IdentityState } from '#actors/services/identity/state.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { checkBody, type JsonSchema } from './body-check.ts';
import { applyFilters, type Filters, listReply } from './listing.ts';
import { isAdmin } from './policy.ts';
import { invalid, notFound } from './problem.ts';
import {
  type IdentityApi,
  link,
  memberBody,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from './service.ts';

export type Body = Readonly<Record<string, unknown>>;

/** What a handler works with. */
export interface Work {
  readonly api: IdentityApi;
  readonly request: FastifyRequest;
  readonly grant: TokenGrant;
}

interface Identified {
  readonly id: string;
}

/** What tells which attributes of a body a resource knows. */
export interface Attributes {
  /** Name on the wire → field of the record, of all that an update may change. */
  readonly fields: Readonly<Record<string, string>>;
  /** Names on the wire that are set once, or that are no field of their own. */
  readonly fixed?: readonly string[];
}

export interface Collection<R extends Identified> extends Attributes {
  /** `users`; also the path. */
  readonly collection: string;
  /** `user`; also the word in error messages and policy names. */
  readonly member: string;
  /** Before the collection in paths: `/OS-TRUST`. */
  readonly prefix?: string;
  /** The word in error messages where it is not the member's name. */
  readonly noun?: string;
  readonly all: (state: IdentityState) => readonly R[];
  readonly find: (state: IdentityState, id: string) => R | undefined;
  /** The record as clients see it, without its self link. */
  readonly render: (record: R, work: Work) => object;
  readonly filters: Filters<R>;
  readonly createSchema: JsonSchema;
  readonly updateSchema: JsonSchema;
  readonly may: {
    readonly list: (grant: TokenGrant, request: FastifyRequest) => boolean;
    readonly show: (grant: TokenGrant, record: R | undefined, id: string) => boolean;
    /** Default: admins. `domainId` is the one that the record is (to be) in; `target`: what is to change or go. */
    readonly write?: (
      grant: TokenGrant,
      domainId: string | undefined,
      target?: { readonly record: R | undefined },
    ) => boolean;
  };
  /** Which of all records this caller's list is made from; default all. */
  readonly visible?: (records: readonly R[], work: Work) => readonly R[];
  /** The domain that a record is in, and the one that a new one is meant for. */
  readonly domainOf?: (record: R) => string | undefined;
  readonly domainOfBody?: (body: Body, grant: TokenGrant) => string | undefined;
  /** The record that a checked body asks for; throws where it may not be. */
  readonly build: (work: Work, body: Body) => R | Promise<R>;
  /** Refuses updates that may not be, and gives the changes that are no plain fields. */
  readonly prepare?: (work: Work, record: R, body: Body) => Changes | Promise<Changes>;
  readonly commands: {
    readonly create: (record: R) => IdentityCommand;
    readonly update: (record: R, changes: Changes) => IdentityCommand;
    readonly remove: (record: R) => IdentityCommand;
  };
  /** Adds the fields that the query of `show` asks for. */
  readonly expand?: (shown: object, record: R, work: Work) => object;
}

/** Field of a record → its new value; null takes it away. */
export type Changes = Readonly<Record<string, unknown>>;

export function registerCollection<R extends Identified>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  registerReads(app, api, spec);
  registerCreate(app, api, spec);
  registerChanges(app, api, spec);
}

export function registerReads<R extends Identified>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  app.get(pathOf(spec), (request) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(spec.may.list(work.grant, request), `list_${spec.collection}`);
    const all = spec.all(stateOf(api));
    const records = applyFilters(request, spec.visible?.(all, work) ?? all, spec.filters);
    return listReply(api, request, {
      collection: spec.collection,
      records,
      render: (record) => renderWithLink(spec, record, work),
    });
  });

  app.get(`${pathOf(spec)}/:id`, (request) => {
    const work = { api, request, grant: requireToken(api, request) };
    const id = param(request, 'id');
    const record = spec.find(stateOf(api), id);
    permit(spec.may.show(work.grant, record, id), `get_${spec.member}`);
    const known = requireRecord(spec, record, id);
    const shown = renderWithLink(spec, known, work);
    return { [spec.member]: spec.expand?.(shown, known, work) ?? shown };
  });
}

function registerCreate<R extends Identified>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  app.post(pathOf(spec), async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    const body = memberBody(request, spec.member);
    const domainId = spec.domainOfBody?.(body, work.grant);
    permit((spec.may.write ?? isAdmin)(work.grant, domainId), `create_${spec.member}`);
    checkBody(spec.createSchema, body);
    const record = await spec.build(work, body);
    await write(api, request, spec.commands.create(record));
    return reply.code(201).send(shownNow(spec, record.id, work));
  });
}

export function registerChanges<R extends Identified>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  app.patch(`${pathOf(spec)}/:id`, async (request, reply) => {
    const { work, record, id } = changeIn(api, request, spec, 'update');
    const body = memberBody(request, spec.member);
    checkBody(spec.updateSchema, body);
    const known = requireRecord(spec, record, id);
    if (body.id !== undefined && body.id !== id) throw invalid(`Cannot change ${spec.member} ID`);
    const changes = {
      ...changesOf(spec, body),
      ...(await spec.prepare?.(work, known, body)),
    };
    await write(api, request, spec.commands.update(known, changes));
    return reply.send(shownNow(spec, id, work));
  });

  app.delete(`${pathOf(spec)}/:id`, async (request, reply) => {
    const { work, record, id } = changeIn(api, request, spec, 'delete');
    await write(work.api, request, spec.commands.remove(requireRecord(spec, record, id)));
    return reply.code(204).send();
  });
}

/** What a write left of a record, in its member's name. */
export function shownNow<R extends Identified>(
  spec: Collection<R>,
  id: string,
  work: Work,
): object {
  const record = requireRecord(spec, spec.find(stateOf(work.api), id), id);
  return { [spec.member]: renderWithLink(spec, record, work) };
}

export function renderWithLink<R extends Identified>(
  spec: Pick<Collection<R>, 'collection' | 'prefix' | 'render'>,
  record: R,
  work: Work,
): object {
  const path = `${pathOf(spec)}/${encodeURIComponent(record.id)}`;
  return { ...spec.render(record, work), links: { self: link(work.api, work.request, path) } };
}

export function pathOf(spec: { readonly collection: string; readonly prefix?: string }): string {
  return `${spec.prefix ?? ''}/${spec.collection}`;
}

export function requireRecord<R>(
  spec: { readonly member: string; readonly noun?: string },
  record: R | undefined,
  id: string,
): R {
  if (record === undefined) throw notFound(spec.noun ?? spec.member, id);
  return record;
}

/** Who may change it is asked before whether it is there. */
function changeIn<R extends Identified>(
  api: IdentityApi,
  request: FastifyRequest,
  spec: Collection<R>,
  verb: 'update' | 'delete',
): { readonly work: Work; readonly record: R | undefined; readonly id: string } {
  const work = { api, request, grant: requireToken(api, request) };
  const id = param(request, 'id');
  const record = spec.find(stateOf(api), id);
  const domainId = record === undefined ? undefined : spec.domainOf?.(record);
  const may = (spec.may.write ?? isAdmin)(work.grant, domainId, { record });
  permit(may, `${verb}_${spec.member}`);
  return { work, record, id };
}

/** What a body has beyond the attributes that the resource knows: stored and given back as it is. */
export function extraOf({ fields, fixed = [] }: Attributes, body: Body): Record<string, unknown> {
  const known = new Set([...Object.keys(fields), ...fixed, 'id', 'links']);
  return Object.fromEntries(Object.entries(body).filter(([name]) => !known.has(name)));
}

/** The fields that a body changes; `extra` only where there is some, so that an update of options alone stays one. */
export function changesOf(attributes: Attributes, body: Body): Changes {
  const extra = extraOf(attributes, body);
  return { ...fieldsOf(attributes, body), ...(Object.keys(extra).length === 0 ? {} : { extra }) };
}

/** The plain fields that a body has, by their names in the record. */
export function fieldsOf({ fields }: Attributes, body: Body): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([wire, field]) =>
      body[wire] === undefined ? [] : [[field, body[wire]]],
    ),
  );
}

/** A string field of a body that has passed its schema. */
export function textOf(body: Body, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
}
