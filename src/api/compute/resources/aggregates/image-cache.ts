// `POST /os-aggregates/{id}/images`, from 2.81: the hosts of an aggregate fetch images before a server wants them. The
// answer does not wait for that; what a host can't fetch stands in the log, and a server fetches it when it needs it.
import { badRequest } from '../../envelope.ts';
import type { ComputeCall, SchemaRange } from '../../route.ts';
import { bootableImage } from '../../servers/create-checks.ts';

/** More in one request are refused. */
const MAX_IMAGES = 100;
/** Hosts that fetch at once for one request, so that the image service is not asked by all. */
const HOSTS_AT_ONCE = 8;

export const cacheImagesBody: readonly SchemaRange[] = [
  {
    schema: {
      type: 'object',
      properties: {
        cache: {
          type: 'array',
          minItems: 1,
          maxItems: MAX_IMAGES,
          items: {
            type: 'object',
            properties: { id: { type: 'string', format: 'uuid' } },
            required: ['id'],
            additionalProperties: false,
          },
        },
      },
      required: ['cache'],
      additionalProperties: false,
    },
  },
];

export async function cacheImages(call: ComputeCall, hosts: readonly string[]): Promise<void> {
  const { cache } = call.body as { readonly cache: readonly { readonly id: string }[] };
  const ids = cache.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw badRequest('Duplicate images in request');
  const images = await Promise.all(ids.map((id) => findImage(call, id)));
  const waiting = hosts.flatMap((host) => images.map((image) => ({ host, image })));
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await cacheOne(call, next);
  };
  for (let at = 0; at < HOSTS_AT_ONCE; at += 1) void work();
}

type Image = ReturnType<typeof bootableImage>;

async function findImage(call: ComputeCall, id: string): Promise<Image> {
  const image = await call.context.images.find(id, call.caller);
  if (image === undefined || image.status === 'deleted')
    throw badRequest(`Image ${id} could not be found.`);
  return bootableImage(image);
}

async function cacheOne(
  { context, requestId }: ComputeCall,
  { host, image }: { readonly host: string; readonly image: Image },
): Promise<void> {
  try {
    await context.nodes.cacheImage(host, image);
  } catch (error) {
    context.env.log.warn(
      { err: error, host, image: image.id, requestId },
      'an image was not cached; a server that needs it fetches it',
    );
  }
}
