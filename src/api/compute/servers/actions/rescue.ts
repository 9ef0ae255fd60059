// `rescue` boots another system beside the server's own disk: from the image that is named, else from its own image.
// `unrescue` boots the server as before.
import type { ServerImage } from '#actors/domain/server.ts';
import { badRequest } from '../../envelope.ts';
import { uuidParam } from '../../parameter-types.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';
import { bootableImage } from '../create-checks.ts';
import { PASSWORD_BYTES, passwordFrom } from '../names.ts';
import { operate } from '../operate.ts';

const rescueBody = {
  type: 'object',
  properties: {
    rescue: {
      type: ['object', 'null'],
      properties: { adminPass: { type: 'string' }, rescue_image_ref: uuidParam },
      additionalProperties: false,
    },
  },
  required: ['rescue'],
  additionalProperties: false,
} as const;

export const rescueAction: ComputeAction = {
  name: 'rescue',
  policy: 'os-rescue',
  body: [{ schema: rescueBody }],
  success: 200,
  handler: async (call) => {
    const { rescue } = call.body as {
      readonly rescue: { readonly adminPass?: string; readonly rescue_image_ref?: string } | null;
    };
    const adminPass =
      rescue?.adminPass ?? passwordFrom(call.context.env.random.bytes(PASSWORD_BYTES));
    const image = await rescueImage(call, rescue?.rescue_image_ref);
    await operate(call, 'rescue', { parameters: { rescue: { image, adminPass } } });
    return { adminPass };
  },
};

async function rescueImage(
  { context, caller, server }: ComputeCall,
  asked: string | undefined,
): Promise<ServerImage> {
  if (asked !== undefined) {
    const image = await context.images.find(asked, caller);
    if (image === undefined || image.status === 'deleted')
      throw badRequest(`Requested rescue image '${asked}' is not supported`);
    return bootableImage(image);
  }
  const own = server.request?.image;
  if (own === undefined)
    throw badRequest(
      `Instance ${server.id} cannot be rescued: Cannot rescue a volume-backed instance`,
    );
  return own;
}

export const unrescueAction: ComputeAction = {
  name: 'unrescue',
  policy: 'os-unrescue',
  success: 202,
  handler: (call) => operate(call, 'unrescue'),
};
