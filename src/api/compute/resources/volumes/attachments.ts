// What of other storage a server has: volumes (`os-volume_attachments`), shares, and snapshots of attached volumes taken
// with a host's help. This cloud has no volume or share service yet, so a server has none, and there is none to attach.
import { badRequest, conflict, notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { openQuery } from '../query-schemas.ts';
import {
  assistDeletion,
  assistSnapshot,
  attachVolume,
  createShare,
  pagedByOffset,
  updateAttachment,
} from './volume-schemas.ts';
import { volumeMissing } from './volumes.ts';

const PATH = '/servers/:server_id/os-volume_attachments';
const SHARES = '/servers/:server_id/shares';
const SNAPSHOTS = '/os-assisted-volume-snapshots';

export const attachmentRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: PATH,
    target: 'server',
    query: pagedByOffset,
    policy: 'os-volumes-attachments:index',
    handler: () => ({ volumeAttachments: [] }),
  },
  {
    method: 'POST',
    path: PATH,
    target: 'server',
    body: attachVolume,
    policy: 'os-volumes-attachments:create',
    success: [
      { until: 100, code: 200 },
      { since: 101, code: 202 },
    ],
    handler: (call) => {
      const { volumeId } = (
        call.body as { readonly volumeAttachment: { readonly volumeId: string } }
      ).volumeAttachment;
      throw notFound(volumeMissing(volumeId));
    },
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    target: 'server',
    policy: 'os-volumes-attachments:show',
    handler: notAttached,
  },
  {
    method: 'PUT',
    path: `${PATH}/:id`,
    target: 'server',
    body: updateAttachment,
    policy: 'os-volumes-attachments:update',
    success: 202,
    handler: notAttached,
  },
  {
    method: 'DELETE',
    path: `${PATH}/:id`,
    target: 'server',
    policy: 'os-volumes-attachments:delete',
    success: 202,
    handler: notAttached,
  },
];

function notAttached(call: ComputeCall): never {
  const id = call.params['id'] ?? '';
  throw notFound(`Instance ${call.server.id} is not attached to volume ${id}`);
}

export const shareRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: SHARES,
    since: 97,
    target: 'server',
    query: openQuery,
    policy: 'os-server-shares:index',
    handler: () => ({ shares: [] }),
  },
  {
    method: 'POST',
    path: SHARES,
    since: 97,
    target: 'server',
    body: createShare,
    policy: 'os-server-shares:create',
    success: 201,
    handler: (call) => {
      demandStopped(call);
      const { share } = call.body as { readonly share: { readonly share_id: string } };
      throw shareMissing(share.share_id);
    },
  },
  {
    method: 'GET',
    path: `${SHARES}/:id`,
    since: 97,
    target: 'server',
    query: openQuery,
    policy: 'os-server-shares:show',
    handler: (call) => {
      throw shareMissing(call.params['id'] ?? '');
    },
  },
  {
    method: 'DELETE',
    path: `${SHARES}/:id`,
    since: 97,
    target: 'server',
    policy: 'os-server-shares:delete',
    handler: (call) => {
      throw shareMissing(call.params['id'] ?? '');
    },
  },
];

function shareMissing(id: string): Error {
  return notFound(`Share ${id} could not be found.`);
}

/** A share gets into a guest with its start. */
function demandStopped({ server }: ComputeCall): void {
  if (server.vmState !== 'stopped')
    throw conflict(
      `Cannot 'attach_share' instance ${server.id} while it is in vm_state ${server.vmState}`,
    );
}

export const assistedSnapshotRoutes: readonly ComputeRoute[] = [
  {
    method: 'POST',
    path: SNAPSHOTS,
    body: assistSnapshot,
    policy: 'os-assisted-volume-snapshots:create',
    handler: (call) => {
      const { snapshot } = call.body as { readonly snapshot: { readonly volume_id: string } };
      throw noDevice(snapshot.volume_id);
    },
  },
  {
    method: 'DELETE',
    path: `${SNAPSHOTS}/:id`,
    query: assistDeletion,
    policy: 'os-assisted-volume-snapshots:delete',
    success: 204,
    handler: (call) => {
      throw noDevice(volumeIn(call.queryValue('delete_info') ?? ''));
    },
  },
];

function noDevice(volumeId: string): Error {
  return badRequest(`No volume Block Device Mapping with id ${volumeId}.`);
}

/** `delete_info` is JSON that names the volume. */
function volumeIn(text: string): string {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch (error) {
    throw badRequest(`delete_info is not JSON: ${String(error)}`);
  }
  const id = typeof info === 'object' && info !== null ? Reflect.get(info, 'volume_id') : undefined;
  if (typeof id !== 'string') throw badRequest("'volume_id'");
  return id;
}
