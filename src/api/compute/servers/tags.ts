// /servers/{id}/tags, from 2.26: short words to find servers by.
import { present } from '#runtime/assert.ts';
import { badRequest, ComputeFault, notFound } from '../envelope.ts';
import { tagParam } from '../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../route.ts';
import { checkBody } from '../validation.ts';
import { actorOf, askServer } from './operate.ts';
import { requireRestState } from './rest-state.ts';
import { MAX_TAGS } from './schemas.ts';

const allBody = {
  type: 'object',
  properties: { tags: { type: 'array', items: tagParam, maxItems: MAX_TAGS } },
  required: ['tags'],
  additionalProperties: false,
} as const;
const noBody = { type: 'null' } as const;

const tagsOf = ({ server }: ComputeCall): readonly string[] =>
  present(server.request, 'request of a server').tags;

async function setTags(call: ComputeCall, action: string, tags: readonly string[]): Promise<void> {
  requireRestState(call, action);
  await askServer(call, action, {
    type: 'instance.change-tags',
    actor: actorOf(call),
    tags: [...tags],
  });
}

async function replaceAll(call: ComputeCall): Promise<unknown> {
  const { tags } = call.body as { readonly tags: readonly string[] };
  const unique = [...new Set(tags)];
  await setTags(call, 'update tags', unique);
  return { tags: unique };
}

function tagOf(call: ComputeCall): string {
  return call.params['tag'] ?? '';
}

const missing = (call: ComputeCall): ComputeFault =>
  notFound(`Server ${call.server.id} has no tag '${tagOf(call)}'`);

function checkTag(tag: string): void {
  try {
    checkBody(tagParam, tag);
  } catch (error) {
    if (!(error instanceof ComputeFault)) throw error;
    throw badRequest(
      `Tag '${tag}' is invalid. It must be a non empty string without characters '/' and ','. Validation error message: ${error.message}`,
    );
  }
}

/** 201 for a new one, 204 for one that was there; both tell where it is. */
async function addTag(call: ComputeCall): Promise<void> {
  const tag = tagOf(call);
  requireRestState(call, 'update tag');
  checkTag(tag);
  const before = tagsOf(call);
  if (before.length >= MAX_TAGS)
    throw badRequest(`The number of tags exceeded the per-server limit ${MAX_TAGS}`);
  call.setHeader(
    'Location',
    `${call.selfBase}/servers/${call.server.id}/tags/${encodeURIComponent(tag)}`,
  );
  if (before.includes(tag)) return call.setStatus(204);
  await setTags(call, 'update tag', [...before, tag]);
  return call.setStatus(201);
}

async function removeTag(call: ComputeCall): Promise<void> {
  requireRestState(call, 'delete tag');
  const tag = tagOf(call);
  const before = tagsOf(call);
  if (!before.includes(tag)) throw missing(call);
  await setTags(
    call,
    'delete tag',
    before.filter((other) => other !== tag),
  );
}

const all = { path: '/servers/:server_id/tags', target: 'server', since: 26 } as const;
const one = { path: '/servers/:server_id/tags/:tag', target: 'server', since: 26 } as const;

export const tagRoutes: readonly ComputeRoute[] = [
  {
    ...all,
    method: 'GET',
    policy: 'os-server-tags:index',
    handler: (call) => ({ tags: tagsOf(call) }),
  },
  {
    ...all,
    method: 'PUT',
    policy: 'os-server-tags:update_all',
    body: [{ schema: allBody }],
    handler: replaceAll,
  },
  {
    ...all,
    method: 'DELETE',
    policy: 'os-server-tags:delete_all',
    success: 204,
    handler: (call) => setTags(call, 'delete tags', []),
  },
  {
    ...one,
    method: 'GET',
    policy: 'os-server-tags:show',
    success: 204,
    handler: (call) => {
      if (!tagsOf(call).includes(tagOf(call))) throw missing(call);
    },
  },
  {
    ...one,
    method: 'PUT',
    policy: 'os-server-tags:update',
    body: [{ schema: noBody }],
    success: 201,
    handler: addTag,
  },
  {
    ...one,
    method: 'DELETE',
    policy: 'os-server-tags:delete',
    success: 204,
    handler: removeTag,
  },
];
