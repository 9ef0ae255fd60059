// Runs one row of the route table for one request, in Nova's order: version, path, body, policy, handler.
// It knows nothing of any resource.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { InstanceState } from '#actors/instance/state.ts';
import type { Caller } from '#actors/ports/identity.ts';
import { present } from '#runtime/assert.ts';
import { doubtfulAbsence } from '../passing-trouble.ts';
import { defaultPolicy } from '../policy/enforcer.ts';
import type { PolicyTarget } from '../policy/evaluate.ts';
import { baseUrl } from '../server.ts';
import type { ComputeContext } from './context.ts';
import { badRequest, ComputeFault, notFound, plainWords, sendFault } from './envelope.ts';
import { LEGACY_MINOR } from './microversion.ts';
import { demand, serverTarget } from './policy.ts';
import {
  type ComputeAction,
  type ComputeCall,
  type ComputeRoute,
  inRange,
  JsonText,
  type SchemaRange,
  type SuccessCode,
} from './route.ts';
import type { ServerReads } from './servers/reads.ts';
import { checkBody, checkQuery, type JsonSchema } from './validation.ts';

/** What every call of the service has at hand. */
export interface ComputeService {
  readonly context: ComputeContext;
  readonly reads: ServerReads;
  /** `/compute`. */
  readonly prefix: string;
}

type Queries = Readonly<Record<string, readonly string[]>>;
const noQueries: Queries = {};

/** Of the rows that share the request's method and path, runs the one of its version. */
export async function perform(
  service: ComputeService,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  try {
    const { rows, params } = present(request.computeRows, 'rows for a path');
    const row = rows.find((candidate) => inRange(candidate, request.microversion));
    if (row === undefined) throw notFound();
    const operation = row.actions === undefined ? row : chooseAction(row.actions, request);
    const call = new Call(service, { request, reply, params });
    call.checkProject();
    const result = await run(call, row, operation);
    return send(reply, call.status ?? successOf(operation.success, request.microversion), result);
  } catch (error) {
    if (!(error instanceof ComputeFault)) throw error;
    const isDoubtful = error.status === 404 && service.context.views.isStale;
    return sendFault(reply, isDoubtful ? doubtfulAbsence(request) : error);
  }
}

async function run(
  call: Call,
  row: ComputeRoute,
  operation: ComputeRoute | ComputeAction,
): Promise<unknown> {
  if (operation.gone === true) throw new ComputeFault(410, plainWords.gone);
  const { microversion } = call;
  const query = schemaFor(row.query, microversion) ?? unaskedQuery(row, microversion);
  if (query !== undefined) checkQuery(query, call.query);
  const body = schemaFor(operation.body, microversion);
  if (body !== undefined) checkBody(body, call.body, microversion === LEGACY_MINOR);
  if (row.target === 'server') await call.findServer();
  if (operation.policyTarget !== undefined) call.policyTarget = await operation.policyTarget(call);
  if (operation.policy !== undefined) demand(call, operation.policy);
  return present(operation.handler, 'handler of a route')(call);
}

function chooseAction(actions: readonly ComputeAction[], request: FastifyRequest): ComputeAction {
  const { body, microversion } = request;
  if (typeof body !== 'object' || body === null) throw badRequest(plainWords.malformed);
  const names = Object.keys(body);
  const [name] = names;
  if (names.length !== 1 || name === undefined || Array.isArray(body))
    throw badRequest(plainWords.malformed);
  const known = actions.filter((action) => action.name === name);
  if (known.length === 0) throw badRequest(`There is no such action: ${name}`);
  const action = known.find((candidate) => inRange(candidate, microversion));
  if (action === undefined) throw notFound();
  return action;
}

/** From 2.102 on a look that takes no parameters refuses them. */
function unaskedQuery(row: ComputeRoute, minor: number): JsonSchema | undefined {
  const takesNone = row.method === 'GET' && row.query === undefined && minor >= 102;
  return takesNone ? noParameters : undefined;
}

const noParameters: JsonSchema = { type: 'object', properties: {}, additionalProperties: false };

function schemaFor(ranges: readonly SchemaRange[] | undefined, minor: number) {
  return ranges?.find((range) => inRange(range, minor))?.schema;
}

function successOf(success: SuccessCode | undefined, minor: number): number {
  if (success === undefined) return 200;
  if (typeof success === 'number') return success;
  return present(
    success.find((range) => inRange(range, minor)),
    `success code for 2.${minor}`,
  ).code;
}

function send(reply: FastifyReply, status: number, result: unknown): FastifyReply {
  reply.code(status);
  if (result === undefined) return reply.send();
  reply.type('application/json');
  return reply.send(result instanceof JsonText ? result.text : JSON.stringify(result));
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

class Call implements ComputeCall {
  readonly context: ComputeContext;
  readonly reads: ServerReads;
  readonly microversion: number;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Queries;
  status: number | undefined;
  policyTarget: PolicyTarget | undefined;
  readonly caller: Caller;
  readonly #service: ComputeService;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  #server: InstanceState | undefined;

  constructor(
    service: ComputeService,
    { request, reply, params }: Pick<Call, 'params'> & Exchange,
  ) {
    this.context = service.context;
    this.reads = service.reads;
    this.microversion = request.microversion;
    this.params = params;
    this.#service = service;
    this.#request = request;
    this.#reply = reply;
    this.query = queriesOf(request.url);
    this.caller = (service.context.policy ?? defaultPolicy).ranked(request.caller);
  }

  get requestId(): string {
    return this.#request.requestId;
  }
  get body(): unknown {
    return this.#request.body;
  }
  get url(): string {
    return this.#request.url;
  }
  get server(): InstanceState {
    return present(this.#server, 'server of a call whose route has no target');
  }
  get selfBase(): string {
    const version = this.microversion === LEGACY_MINOR ? 'v2' : 'v2.1';
    return `${this.rootUrl}/${version}${this.#project()}`;
  }
  get bookmarkBase(): string {
    return `${this.rootUrl}${this.#project()}`;
  }

  from(minor: number): boolean {
    return this.microversion >= minor;
  }

  queryValue(name: string): string | undefined {
    return this.query[name]?.at(-1);
  }

  setHeader(name: string, value: string): void {
    this.#reply.header(name, value);
  }

  setStatus(code: number): void {
    this.status = code;
  }

  /** The project in the path, if any, must be the token's. */
  checkProject(): void {
    const asked = this.params['project_id'];
    if (asked === undefined || asked === this.caller.projectId) return;
    throw badRequest(
      `Malformed request URL: URL's project_id '${asked}' doesn't match Context's project_id '${this.caller.projectId ?? 'None'}'`,
    );
  }

  async findServer(): Promise<void> {
    const id = this.params['server_id'] ?? '';
    await this.context.views.barrier();
    this.#server = this.reads.find(id, this.caller);
    if (this.#server === undefined) throw notFound(`Instance ${id} could not be found.`);
    this.policyTarget = serverTarget(this.#server);
  }

  get rootUrl(): string {
    const base = baseUrl(this.#request.headers.host, this.context.publicUrl);
    return `${base}${this.#service.prefix}`;
  }

  #project(): string {
    const project = this.params['project_id'];
    return project === undefined ? '' : `/${project}`;
  }
}

function queriesOf(url: string): Queries {
  const start = url.indexOf('?');
  if (start < 0 || start === url.length - 1) return noQueries;
  const queries: Record<string, string[]> = Object.create(null);
  for (const part of url.slice(start + 1).split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decoded(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? '' : decoded(part.slice(equals + 1));
    const values = queries[name];
    if (values === undefined) queries[name] = [value];
    else values.push(value);
  }
  return queries;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw badRequest('Query string is not UTF-8 encoded');
  }
}
