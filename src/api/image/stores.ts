// What clients ask about the service itself: the one store, how images are imported, how much a project uses.
// With one store, whatever names stores names this one, or is refused as Glance refuses an unknown one.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { importMethods } from '#actors/services/image/protocol.ts';
import { usageOf } from '#actors/services/image/quotas.ts';
import type { ImageAccess } from './image-access.ts';
import { ImageHttpError } from './webob-error.ts';

export const STORE_ID = 'file';
const store = { id: STORE_ID, description: 'Files of the image service', default: 'true' } as const;

export function storeRoutes(app: FastifyInstance, access: ImageAccess): void {
  app.get('/v2/info/import', (_request, reply) =>
    reply.send({
      'import-methods': {
        description: 'Import methods available.',
        type: 'array',
        value: [...importMethods],
      },
    }),
  );
  app.get('/v2/info/stores', (_request, reply) => reply.send({ stores: [store] }));
  app.get('/v2/info/stores/detail', (request, reply) => {
    if (!request.caller.isAdmin)
      throw new ImageHttpError(
        403,
        'You are not authorized to complete stores_info_detail action.',
      );
    const detail = { ...store, type: 'file', weight: 0, properties: {} };
    return reply.send({ stores: [detail] });
  });
  app.get('/v2/info/usage', (request) => showUsage(access, request));
  app.delete('/v2/stores/:storeId/:imageId', (request) => removeFromStore(access, request));
}

async function showUsage(access: ImageAccess, request: FastifyRequest): Promise<object> {
  await access.context.views.barrier();
  const { view, quotas } = access.service;
  const usage = usageOf(view.values(), request.caller.projectId ?? '');
  return {
    usage: Object.fromEntries(
      Object.entries(usage).map(([name, used]: [string, number]) => [
        name,
        { limit: quotas[name as keyof typeof quotas], usage: used },
      ]),
    ),
  };
}

/** An image's only copy goes by deleting the image. */
async function removeFromStore(access: ImageAccess, request: FastifyRequest): Promise<never> {
  const { storeId } = request.params as { storeId: string };
  const image = await access.findOwn(request, 'delete_image_location');
  if (storeId !== STORE_ID)
    throw new ImageHttpError(404, `The selected store ${storeId} is not available on this node.`);
  if (image.file === undefined)
    throw new ImageHttpError(404, `Image ${image.id} is not stored in store ${storeId}.`);
  throw new ImageHttpError(
    403,
    'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
  );
}

/** 400 when bytes are meant for a store that there is not. */
export function checkStore(request: FastifyRequest): void {
  const wanted = request.headers['x-image-meta-store'];
  if (wanted === undefined || wanted === STORE_ID) return;
  throw new ImageHttpError(400, unknownStore(String(wanted)));
}

export function unknownStore(storeId: string): string {
  return `Unknown scheme '${storeId}' found in URI`;
}
