// /os-server-external-events: other services tell of what happened to a server. Each event is answered for itself. This
// cloud's own network service is asked and never waits to be told, so nothing hangs on an event; it is noted in the log.
import type { InstanceState } from '#actors/instance/state.ts';
import type { ComputeCall, ComputeRoute, SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';

const firstNames = [
  'network-changed',
  'network-vif-plugged',
  'network-vif-unplugged',
  'network-vif-deleted',
];
/** The version in which each name came. */
const laterNames: readonly (readonly [since: number, name: string])[] = [
  [51, 'volume-extended'],
  [76, 'power-update'],
  [82, 'accelerator-request-bound'],
  [93, 'volume-reimaged'],
];
const taggedNames: readonly string[] = laterNames.map(([, name]) => name);

function schemaOf(names: readonly string[]): JsonSchema {
  return {
    type: 'object',
    properties: {
      events: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          properties: {
            server_uuid: { type: 'string', format: 'uuid' },
            name: { type: 'string', enum: names },
            status: { type: 'string', enum: ['failed', 'completed', 'in-progress'] },
            tag: { type: 'string', maxLength: 255 },
          },
          required: ['server_uuid', 'name'],
          additionalProperties: false,
        },
      },
    },
    required: ['events'],
    additionalProperties: false,
  };
}

const schemas: readonly SchemaRange[] = [0, ...laterNames.map(([since]) => since)].map(
  (since, index) => ({
    since,
    ...(laterNames[index] === undefined ? {} : { until: laterNames[index][0] - 1 }),
    schema: schemaOf([...firstNames, ...laterNames.slice(0, index).map(([, name]) => name)]),
  }),
);

export const externalEventRoutes: readonly ComputeRoute[] = [
  {
    method: 'POST',
    path: '/os-server-external-events',
    body: schemas,
    policy: 'os-server-external-events:create',
    handler: take,
  },
];

interface ExternalEvent {
  readonly server_uuid: string;
  readonly name: string;
  readonly status?: string;
  readonly tag?: string;
}

async function take(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  const asked = (call.body as { readonly events: readonly ExternalEvent[] }).events;
  const events = asked.map((event) => {
    const code = codeOf(event, call.context.servers.get(event.server_uuid.toLowerCase()));
    if (code === 200)
      call.context.env.log.info(
        { requestId: call.requestId, serverId: event.server_uuid, name: event.name },
        'external event',
      );
    return { ...event, status: code === 200 ? 'completed' : 'failed', code };
  });
  if (events.some(({ code }) => code !== 200)) call.setStatus(207);
  return { events };
}

/** 404 no such server, 400 a tag is missing, 422 a server without a host. */
function codeOf({ name, tag }: ExternalEvent, server: InstanceState | undefined): number {
  if (server?.existence !== 'exists') return 404;
  if (tag === undefined && taggedNames.includes(name)) return 400;
  return server.grant === undefined ? 422 : 200;
}
