// `createImage` and `createBackup`: an image of the server as it is now. The image is there when the request is answered;
// its bytes come later.
import type { ServerSnapshot } from '#actors/domain/server-snapshot.ts';
import type { OperationName } from '#actors/instance/protocol.ts';
import { present } from '#runtime/assert.ts';
import { badRequest, forbidden, refusalFault } from '../../envelope.ts';
import {
  looseNameParam,
  metadataParam,
  nameParam,
  nonNegativeInteger,
} from '../../parameter-types.ts';
import { limitsOf } from '../../resources/quotas/quota-limits.ts';
import type { ComputeAction, ComputeCall, SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { operate } from '../operate.ts';

type Metadata = Readonly<Record<string, string>>;

function actionBody(action: string, properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const required = Object.keys(properties);
  return {
    type: 'object',
    properties: {
      [action]: {
        type: 'object',
        properties: { ...properties, metadata: metadataParam },
        required,
        additionalProperties: false,
      },
    },
    required: [action],
    additionalProperties: false,
  };
}

function bodies(
  action: string,
  properties: (name: JsonSchema) => Readonly<Record<string, JsonSchema>>,
): readonly SchemaRange[] {
  return [
    { until: 0, schema: actionBody(action, properties(looseNameParam)) },
    { schema: actionBody(action, properties(nameParam)) },
  ];
}

export const createImageAction: ComputeAction = {
  name: 'createImage',
  policy: 'servers:create_image',
  body: bodies('createImage', (name) => ({ name })),
  success: 202,
  handler: async (call) => {
    const { createImage } = call.body as {
      readonly createImage: { readonly name: string; readonly metadata?: Metadata };
    };
    const { name, metadata = {} } = createImage;
    checkMetadata(call, metadata);
    const snapshot = snapshotOf(call, name.trim(), {
      image_type: 'snapshot',
      ...metadata,
    });
    await make(call, 'snapshot', snapshot);
    return answer(call, snapshot.id);
  },
};

export const createBackupAction: ComputeAction = {
  name: 'createBackup',
  policy: 'os-create-backup',
  body: bodies('createBackup', (name) => ({
    name,
    backup_type: { type: 'string' },
    rotation: nonNegativeInteger,
  })),
  success: 202,
  handler: async (call) => {
    const { createBackup } = call.body as {
      readonly createBackup: {
        readonly name: string;
        readonly backup_type: string;
        readonly rotation: number | string;
        readonly metadata?: Metadata;
      };
    };
    const { name, backup_type: backupType, rotation, metadata = {} } = createBackup;
    checkMetadata(call, metadata);
    const keep = Number(rotation);
    const properties = { ...metadata, image_type: 'backup', backup_type: backupType };
    const snapshot = {
      ...snapshotOf(call, name.trim(), properties),
      rotation: { backupType, keep },
    };
    await make(call, 'backup', snapshot);
    // Of no backup is kept, so there is none to name.
    return keep > 0 ? answer(call, snapshot.id) : undefined;
  },
};

function checkMetadata(call: ComputeCall, metadata: Metadata): void {
  const limit = limitsOf(call.context, call.caller.projectId).metadata_items;
  const count = Object.keys(metadata).length;
  if (limit >= 0 && count > limit) throw forbidden('Image metadata limit exceeded');
}

/** Nova's setting non_inheritable_image_properties, and what Nova never passes on. */
const notInherited: ReadonlySet<string> = new Set([
  'cache_in_nova',
  'bittorrent',
  'img_signature_hash_method',
  'img_signature',
  'img_signature_key_type',
  'img_signature_certificate_uuid',
  'os_glance_import_task',
  'os_hidden',
  'os_hash_algo',
  'os_hash_value',
]);

/** An image as it is to be made of the call's server. */
export function snapshotOf(call: ComputeCall, name: string, extra: Metadata): ServerSnapshot {
  const { caller, server } = call;
  const request = present(server.request, `request of server ${server.id}`);
  const { image, flavor, projectId } = request;
  const ownerId = caller.projectId ?? projectId;
  const inherited = Object.entries(image?.properties ?? {}).filter(
    ([key]) => !notInherited.has(key) && !key.startsWith('kilonova_'),
  );
  const isOthers = ownerId !== projectId;
  return {
    id: call.context.env.random.uuid(),
    name,
    ownerId,
    ...(isOthers ? { sharedWith: projectId } : {}),
    minDiskGiB: Math.max(image?.minDiskGiB ?? 0, flavor.diskGiB),
    minRamMiB: image?.minRamMiB ?? 0,
    properties: {
      ...Object.fromEntries(inherited),
      ...(image === undefined ? {} : { base_image_ref: image.id }),
      ...extra,
      instance_uuid: server.id,
      user_id: caller.userId,
      owner_id: projectId,
      image_location: 'snapshot',
      image_state: 'available',
      ...(isOthers ? { instance_owner: projectId } : {}),
    },
  };
}

/** The server is asked first: an image that is made without its word would be left over if it refused. */
async function make(
  call: ComputeCall,
  operation: Extract<OperationName, 'snapshot' | 'backup'>,
  snapshot: ServerSnapshot,
): Promise<void> {
  if (call.server.request?.image === undefined)
    throw badRequest('Backup and snapshot need a server that was made from an image.');
  const action = operation === 'snapshot' ? 'createImage' : 'createBackup';
  await operate(call, operation, { action, parameters: { snapshot } });
  const refused = await call.context.imageWriter.create(snapshot, call.requestId);
  if (refused !== undefined) throw refusalFault(refused);
}

/** Until 2.44 the image's address stands in a header. */
function answer(call: ComputeCall, imageId: string): unknown {
  if (call.from(45)) return { image_id: imageId };
  const { origin } = new URL(call.selfBase);
  call.setHeader('Location', `${origin}/image/v2/images/${imageId}`);
  return undefined;
}
