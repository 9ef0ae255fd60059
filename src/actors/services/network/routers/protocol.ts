// Routers, as data: a name and static routes. What a router is connected to are ports with its id as their device: one of
// each tenant network (`network:router_interface`), and one of the external network (`network:router_gateway`).
// One entity per router. Refusals: router-not-found, router-exists, revision-mismatch.
import { type Static, Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const done = Type.Object({});
const count = Type.Integer({ minimum: 0 });
/** Names one change: a repeat with the same id is answered as before. */
const changeId = text;

export const INTERFACE_OWNER = 'network:router_interface';
export const GATEWAY_OWNER = 'network:router_gateway';

export const routerAttributes = Type.Object({
  name: text,
  description: text,
  projectId: text,
  adminUp: Type.Boolean(),
  /** Guests without an address of their own outside reach out through the router's. */
  snat: Type.Boolean(),
  routes: Type.Array(Type.Object({ destination: text, nexthop: text })),
});
export type RouterAttributes = Static<typeof routerAttributes>;

export const routerCommands = {
  'router.create': command(1, Type.Object({ attributes: routerAttributes, changeId }), done),
  'router.change': command(
    1,
    Type.Object({
      attributes: Type.Partial(routerAttributes),
      ifRevision: Type.Optional(count),
      changeId,
    }),
    done,
  ),
  'router.delete': command(1, Type.Object({ ifRevision: Type.Optional(count), changeId }), done),
} as const;

const change = { changeId, atMs: Type.Number() };

export const routerEvents = {
  'router.created': event(1, Type.Object({ attributes: routerAttributes, ...change })),
  'router.changed': event(
    1,
    Type.Object({ attributes: Type.Partial(routerAttributes), ...change }),
  ),
  'router.deleted': event(1, Type.Object({ ...change })),
} as const;

export type RouterCommand = CommandOf<typeof routerCommands>;
export type RouterEvent = EventOf<typeof routerEvents>;
export const routers = entityKind('router', routerCommands);
