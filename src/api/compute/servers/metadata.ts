// /servers/{id}/metadata: words of the user's on a server.
import { present } from '#runtime/assert.ts';
import { badRequest, notFound } from '../envelope.ts';
import { metadataParam } from '../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../route.ts';
import type { JsonSchema } from '../validation.ts';
import { limitsOf } from '../resources/quotas/quota-limits.ts';
import { checkMetadataCount } from './create-checks.ts';
import { actorOf, askServer } from './operate.ts';
import { requireRestState } from './rest-state.ts';

type Metadata = Readonly<Record<string, string>>;

function bodySchema(name: string, inner: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: { [name]: inner },
    required: [name],
    additionalProperties: false,
  };
}

const allBody = bodySchema('metadata', metadataParam);
const itemBody = bodySchema('meta', { ...metadataParam, minProperties: 1, maxProperties: 1 });

const metadataOf = ({ server }: ComputeCall): Metadata =>
  present(server.request, 'request of a server').metadata;

async function change(
  call: ComputeCall,
  set: Metadata,
  options: { readonly replace: boolean },
): Promise<Metadata> {
  requireRestState(call, 'update metadata');
  const { projectId } = present(call.server.request, 'request of a server');
  const before = options.replace ? {} : metadataOf(call);
  checkMetadataCount(Object.keys({ ...before, ...set }).length, limitsOf(call.context, projectId));
  const { metadata } = await askServer(call, 'update metadata', {
    type: 'instance.change-metadata',
    actor: actorOf(call),
    replace: options.replace,
    set,
    remove: [],
  });
  return metadata;
}

async function replaceOrAdd(call: ComputeCall, replace: boolean): Promise<unknown> {
  const { metadata } = call.body as { readonly metadata: Metadata };
  return { metadata: await change(call, metadata, { replace }) };
}

function keyOf(call: ComputeCall): string {
  return call.params['key'] ?? '';
}

function showItem(call: ComputeCall): unknown {
  const [key, metadata] = [keyOf(call), metadataOf(call)];
  if (!Object.hasOwn(metadata, key)) throw notFound('Metadata item was not found');
  return { meta: { [key]: metadata[key] } };
}

async function setItem(call: ComputeCall): Promise<unknown> {
  const { meta } = call.body as { readonly meta: Metadata };
  if (!Object.hasOwn(meta, keyOf(call))) throw badRequest('Request body and URI mismatch');
  await change(call, meta, { replace: false });
  return { meta };
}

async function removeItem(call: ComputeCall): Promise<void> {
  const key = keyOf(call);
  if (!Object.hasOwn(metadataOf(call), key)) throw notFound('Metadata item was not found');
  requireRestState(call, 'delete metadata');
  await askServer(call, 'delete metadata', {
    type: 'instance.change-metadata',
    actor: actorOf(call),
    replace: false,
    set: {},
    remove: [key],
  });
}

const all = { path: '/servers/:server_id/metadata', target: 'server' } as const;
const one = { path: '/servers/:server_id/metadata/:key', target: 'server' } as const;

export const metadataRoutes: readonly ComputeRoute[] = [
  {
    ...all,
    method: 'GET',
    policy: 'server-metadata:index',
    handler: (call) => ({ metadata: metadataOf(call) }),
  },
  {
    ...all,
    method: 'POST',
    policy: 'server-metadata:create',
    body: [{ schema: allBody }],
    handler: (call) => replaceOrAdd(call, false),
  },
  {
    ...all,
    method: 'PUT',
    policy: 'server-metadata:update_all',
    body: [{ schema: allBody }],
    handler: (call) => replaceOrAdd(call, true),
  },
  {
    ...one,
    method: 'GET',
    policy: 'server-metadata:show',
    handler: showItem,
  },
  {
    ...one,
    method: 'PUT',
    policy: 'server-metadata:update',
    body: [{ schema: itemBody }],
    handler: setItem,
  },
  {
    ...one,
    method: 'DELETE',
    policy: 'server-metadata:delete',
    success: 204,
    handler: removeItem,
  },
];
