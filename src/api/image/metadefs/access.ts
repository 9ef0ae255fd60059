// What all routes of metadata definitions share: finding a namespace that the caller may see, asking the catalogue, and
// who may change it. Rules: Glance's default policies.
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#actors/ports/identity.ts';
import {
  type metadefCommands,
  METADEFS_ID,
  type MetadefKind,
  metadefs,
} from '#actors/services/metadefs/protocol.ts';
import {
  findItem,
  findNamespace,
  initialMetadefs,
  type MetadefItem,
  type MetadefNamespace,
  type MetadefsState,
} from '#actors/services/metadefs/state.ts';
import type { ApiContext } from '#api/context.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, refuse } from '#runtime/message/refusal.ts';
import { errorOf, ImageHttpError } from '../webob-error.ts';

type Command = { [T in keyof typeof metadefCommands]: CommandNamed<typeof metadefCommands, T> };
type WithoutId<C> = C extends unknown ? Omit<C, 'changeId'> : never;

export class MetadefAccess {
  readonly #context: ApiContext;
  readonly #view: StateView<MetadefsState>;

  constructor(context: ApiContext, view: StateView<MetadefsState>) {
    this.#context = context;
    this.#view = view;
  }

  async state(): Promise<MetadefsState> {
    await this.#context.views.barrier();
    return this.#view.get(METADEFS_ID) ?? initialMetadefs();
  }

  /** 404 for what the caller may not see. */
  async find(request: FastifyRequest): Promise<MetadefNamespace> {
    const { namespace: name } = request.params as { namespace: string };
    const found = findNamespace(await this.state(), name);
    if (found === undefined || !canSee(found, request.caller))
      throw errorOf(refuse('metadef-namespace-missing', { namespace: name }));
    return found;
  }

  /** 404 for what the caller may not see, 403 for who may not change it. */
  async findOwn(request: FastifyRequest, action: string): Promise<MetadefNamespace> {
    const found = await this.find(request);
    requireAdmin(request.caller, action);
    return found;
  }

  /** Makes one change. A refusal becomes its HTTP error. */
  async ask(request: FastifyRequest, change: WithoutId<Command[keyof Command]>): Promise<void> {
    const command = {
      ...change,
      changeId: this.#context.env.random.uuid(),
    } as Command[keyof Command];
    const { requestId } = request;
    const answer = await this.#context.router.ask(metadefs.ref(METADEFS_ID), command, {
      requestId,
    });
    if (isRefusal(answer)) throw errorOf(answer);
  }
}

export function canSee(namespace: MetadefNamespace, caller: Caller): boolean {
  return (
    namespace.visibility === 'public' || caller.isAdmin || namespace.ownerId === caller.projectId
  );
}

export function requireAdmin(caller: Caller, action: string): void {
  if (caller.isAdmin) return;
  throw new ImageHttpError(403, `You are not authorized to complete ${action} action.`);
}

/** 404 in Glance's words. */
export function itemIn(namespace: MetadefNamespace, kind: MetadefKind, name: string): MetadefItem {
  const item = findItem(namespace, kind, name);
  if (item === undefined)
    throw errorOf(refuse('metadef-item-missing', { namespace: namespace.name, kind, name }));
  return item;
}
