// The five routes that every identity resource has (list, show, create, change, delete), from one description of the
// resource. In Keystone's order: who asks (401), may they (403), is the body right (400), does it exist (404).
import type { FastifyInstance, FastifyRequest } from 'fastify';
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
} from './service.ts';

export type Body = Readonly<Record<string, unknown>>;

/** What a handler works with. */
export interface Work {
  readonly api: IdentityApi;
  readonly request: FastifyRequest;
  readonly grant: TokenGrant;
}

export interface Collection<R extends { readonly id: string }> {
  /** `users`; also the path. */
  readonly collection: string;
  /** `user`; also the word in error messages and policy names. */
  readonly member: string;
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
    /** Default: admins. `domainId` is the one that the record is (to be) in. */
    readonly write?: (grant: TokenGrant, domainId: string | undefined) => boolean;
  };
  /** Which of all records this caller's list is made from; default all. */
  readonly visible?: (records: readonly R[], work: Work) => readonly R[];
  /** The domain that a record is in, and the one that a new one is meant for. */
  readonly domainOf?: (record: R) => string | undefined;
  readonly domainOfBody?: (body: Body, grant: TokenGrant) => string | undefined;
  /** Writes a new one and returns its id. */
  readonly create: (work: Work, body: Body) => Promise<string>;
  readonly update: (work: Work, record: R, body: Body) => Promise<void>;
  readonly remove: (work: Work, record: R) => Promise<void>;
  /** Adds the fields that the query of `show` asks for. */
  readonly expand?: (shown: object, record: R, work: Work) => object;
}

export function registerCollection<R extends { readonly id: string }>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  registerReads(app, api, spec);
  registerWrites(app, api, spec);
}

function registerReads<R extends { readonly id: string }>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  app.get(`/${spec.collection}`, (request) => {
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

  app.get(`/${spec.collection}/:id`, (request) => {
    const work = { api, request, grant: requireToken(api, request) };
    const id = param(request, 'id');
    const record = spec.find(stateOf(api), id);
    permit(spec.may.show(work.grant, record, id), `get_${spec.member}`);
    const known = requireRecord(spec, record, id);
    const shown = renderWithLink(spec, known, work);
    return { [spec.member]: spec.expand?.(shown, known, work) ?? shown };
  });
}

function registerWrites<R extends { readonly id: string }>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  const shownNow = (id: string, work: Work) => ({
    [spec.member]: renderWithLink(spec, requireRecord(spec, spec.find(stateOf(api), id), id), work),
  });

  app.post(`/${spec.collection}`, async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    const body = memberBody(request, spec.member);
    const domainId = spec.domainOfBody?.(body, work.grant);
    permit((spec.may.write ?? isAdmin)(work.grant, domainId), `create_${spec.member}`);
    checkBody(spec.createSchema, body);
    const id = await spec.create(work, body);
    return reply.code(201).send(shownNow(id, work));
  });

  app.patch(`/${spec.collection}/:id`, async (request, reply) => {
    const { work, record, id } = changeIn(api, request, spec, 'update');
    const body = memberBody(request, spec.member);
    checkBody(spec.updateSchema, body);
    const known = requireRecord(spec, record, id);
    if (body.id !== undefined && body.id !== id) throw invalid(`Cannot change ${spec.member} ID`);
    await spec.update(work, known, body);
    return reply.send(shownNow(id, work));
  });

  app.delete(`/${spec.collection}/:id`, async (request, reply) => {
    const { work, record, id } = changeIn(api, request, spec, 'delete');
    await spec.remove(work, requireRecord(spec, record, id));
    return reply.code(204).send();
  });
}

export function renderWithLink<R extends { readonly id: string }>(
  spec: Pick<Collection<R>, 'collection' | 'render'>,
  record: R,
  work: Work,
): object {
  const path = `/${spec.collection}/${encodeURIComponent(record.id)}`;
  return { ...spec.render(record, work), links: { self: link(work.api, work.request, path) } };
}

function requireRecord<R extends { readonly id: string }>(
  spec: Collection<R>,
  record: R | undefined,
  id: string,
): R {
  if (record === undefined) throw notFound(spec.member, id);
  return record;
}

/** Who may change it is asked before whether it is there. */
function changeIn<R extends { readonly id: string }>(
  api: IdentityApi,
  request: FastifyRequest,
  spec: Collection<R>,
  verb: 'update' | 'delete',
): { readonly work: Work; readonly record: R | undefined; readonly id: string } {
  const work = { api, request, grant: requireToken(api, request) };
  const id = param(request, 'id');
  const record = spec.find(stateOf(api), id);
  const domainId = record === undefined ? undefined : spec.domainOf?.(record);
  permit((spec.may.write ?? isAdmin)(work.grant, domainId), `${verb}_${spec.member}`);
  return { work, record, id };
}

/** What a body has beyond the fields that the service knows: stored and given back as it is. */
export function extraOf(body: Body, known: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(
      ([name]) => !known.includes(name) && name !== 'id' && name !== 'links',
    ),
  );
}

/** `{ description: 'x' }` where the body has it; null takes it away. */
export function changesOf(
  body: Body,
  fields: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const [wire, field] of Object.entries(fields))
    if (body[wire] !== undefined) changes[field] = body[wire];
  return changes;
}

/** A string field of a body that has passed its schema. */
export function textOf(body: Body, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
}
