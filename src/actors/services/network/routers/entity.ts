// The rules of routers, and their binding to the entity shell. Pure but for the binding. They have no effects.
import { unreachable } from '#runtime/assert.ts';
import {
  accept,
  type Accepted,
  type EntityDefinition,
  type Facts,
} from '#runtime/entity/definition.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { REMEMBERED_CHANGES, type Stamps } from '../state.ts';
import {
  type RouterAttributes,
  type RouterCommand,
  routerCommands,
  type RouterEvent,
  routerEvents,
  routers,
} from './protocol.ts';

export interface RouterState extends Stamps {
  readonly id: string;
  readonly status: 'absent' | 'present' | 'deleted';
  readonly attributes: RouterAttributes;
  /** Ids of the last changes, the newest at the end. */
  readonly recentChanges: readonly string[];
}

export function initialRouter(id: string): RouterState {
  return {
    id,
    status: 'absent',
    attributes: {
      name: '',
      description: '',
      projectId: '',
      adminUp: true,
      snat: true,
      routes: [],
    },
    tags: [],
    revision: 0,
    createdAtMs: 0,
    updatedAtMs: 0,
    recentChanges: [],
  };
}

export function decideRouter(
  router: RouterState,
  command: RouterCommand,
  facts: Facts,
): Accepted<RouterEvent, Record<string, never>> | Refusal {
  if (router.recentChanges.includes(command.changeId)) return accept([], {});
  const stamp = { changeId: command.changeId, atMs: facts.nowMs };
  if (command.type === 'router.create') {
    if (router.status !== 'absent') return refuse('router-exists', { routerId: router.id });
    const { attributes } = command;
    return accept([{ type: 'router.created', attributes, ...stamp }], {});
  }
  if (router.status !== 'present') return refuse('router-not-found', { routerId: router.id });
  const { ifRevision } = command;
  if (ifRevision !== undefined && ifRevision !== router.revision)
    return refuse('revision-mismatch', { id: router.id, revision: ifRevision });
  if (command.type === 'router.delete') return accept([{ type: 'router.deleted', ...stamp }], {});
  const { attributes } = command;
  return accept([{ type: 'router.changed', attributes, ...stamp }], {});
}

export function evolveRouter(router: RouterState, event: RouterEvent): RouterState {
  const recentChanges = [...router.recentChanges, event.changeId].slice(-REMEMBERED_CHANGES);
  const next = { ...router, recentChanges, updatedAtMs: event.atMs };
  switch (event.type) {
    case 'router.created': {
      const { attributes, atMs: createdAtMs } = event;
      return { ...next, status: 'present', attributes, revision: 1, createdAtMs };
    }
    case 'router.changed': {
      const attributes = { ...router.attributes, ...event.attributes };
      return { ...next, attributes, revision: router.revision + 1 };
    }
    case 'router.deleted':
      return { ...next, status: 'deleted' };
    default:
      return unreachable(event);
  }
}

export const routerDefinition: EntityDefinition<
  RouterState,
  typeof routerCommands,
  typeof routerEvents
> = {
  kind: routers.kind,
  commands: routerCommands,
  events: routerEvents,
  schema: 1,
  initial: initialRouter,
  decide: decideRouter,
  evolve: evolveRouter,
  todo: () => [],
  invariants: () => [],
};
