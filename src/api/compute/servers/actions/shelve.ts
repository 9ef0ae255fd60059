// `shelve`: the server's disk becomes an image and its guest goes, its host's resources with it when the time that the
// settings say is over; `shelveOffload`: at once. `unshelve`: it runs again, where there is room for it.
import type { OperationParameters } from '#actors/instance/parameters.ts';
import type { ServerImage } from '#actors/domain/server.ts';
import { present } from '#runtime/assert.ts';
import { badRequest, conflict } from '../../envelope.ts';
import { zoneOf, zoneOfNamed } from '../../host-zone.ts';
import { nameParam } from '../../parameter-types.ts';
import { demand } from '../../policy.ts';
import type { ComputeAction, ComputeCall, SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { bootableImage } from '../create-checks.ts';
import { operate } from '../operate.ts';
import { serverStatus } from '../views/detail.ts';
import { snapshotOf } from './create-image.ts';

const AT_ONCE_MS = 0;

export const shelveAction: ComputeAction = {
  name: 'shelve',
  policy: 'os-shelve:shelve',
  success: 202,
  handler: async (call) => {
    const { context, server } = call;
    const request = present(server.request, `request of server ${server.id}`);
    if (request.image === undefined)
      throw badRequest('Only a server that was made from an image can be shelved.');
    const offloadAfterMs =
      context.shelve === undefined ? AT_ONCE_MS : context.shelve.offloadAfterMs;
    // The image is the server's, whoever shelves it: its owner is to find it.
    const { sharedWith: _, ...snapshot } = {
      ...snapshotOf(call, `${request.name}-shelved`, { image_type: 'snapshot' }),
      ownerId: request.projectId,
    };
    const parameters: OperationParameters = {
      snapshot,
      ...(offloadAfterMs === undefined ? {} : { offloadAfterMs }),
    };
    await operate(call, 'shelve', { parameters });
  },
};

export const shelveOffloadAction: ComputeAction = {
  name: 'shelveOffload',
  policy: 'os-shelve:shelve_offload',
  success: 202,
  handler: (call) => operate(call, 'shelve-offload', { action: 'shelveOffload' }),
};

function unshelveBody(unshelve: JsonSchema): JsonSchema {
  const properties = { unshelve };
  return { type: 'object', properties, required: ['unshelve'], additionalProperties: false };
}

const bodies: readonly SchemaRange[] = [
  {
    since: 77,
    until: 90,
    schema: unshelveBody({
      type: ['object', 'null'],
      properties: { availability_zone: nameParam },
      required: ['availability_zone'],
      additionalProperties: false,
    }),
  },
  {
    since: 91,
    schema: unshelveBody({
      type: ['object', 'null'],
      properties: { availability_zone: { type: ['string', 'null'] }, host: { type: 'string' } },
      additionalProperties: false,
    }),
  },
];

interface Wanted {
  /** `null` lets the server go to any zone; undefined leaves it bound to the one that it is bound to. */
  readonly availability_zone?: string | null;
  readonly host?: string;
}

export const unshelveAction: ComputeAction = {
  name: 'unshelve',
  policy: 'os-shelve:unshelve',
  body: bodies,
  success: 202,
  handler: async (call) => {
    const { server } = call;
    const wanted = wantedOf(call);
    const { availability_zone: zone, host } = wanted;
    if (host !== undefined) demand(call, 'os-shelve:unshelve_to_host');
    if (server.vmState !== 'shelved_offloaded') {
      if (zone !== undefined || host !== undefined) refuseDestination(call);
      return operate(call, 'unshelve');
    }
    checkDestination(call, wanted);
    const parameters: OperationParameters = {
      shelvedImage: await shelvedImage(call),
      ...(zone === undefined ? {} : { availabilityZone: zone }),
      ...(host === undefined ? {} : { host }),
    };
    await operate(call, 'unshelve-offloaded', { action: 'unshelve', parameters });
  },
};

/** Before 2.77 nobody looks at what the body says. */
function wantedOf(call: ComputeCall): Wanted {
  if (!call.from(77)) return {};
  return (call.body as { readonly unshelve: Wanted | null }).unshelve ?? {};
}

/** A server that still has its host is started there. */
function refuseDestination({ server }: ComputeCall): void {
  if (server.vmState !== 'shelved') return;
  throw conflict(
    `Specifying an availability zone or a host when unshelving server "${server.id}" with status "${serverStatus(server)}" ` +
      'is not supported. The server status must be SHELVED_OFFLOADED.',
  );
}

function checkDestination(
  { context, server }: ComputeCall,
  { availability_zone: zone, host }: Wanted,
): void {
  const isZone = (name: string): boolean =>
    [...context.hosts.values()].some((one) => one.registered && zoneOf(context, one) === name);
  if (typeof zone === 'string' && !isZone(zone))
    throw badRequest('The requested availability zone is not available');
  if (host === undefined) return;
  const zoneOfHost = zoneOfNamed(context, host);
  if (zoneOfHost === undefined) throw badRequest(`Compute host ${host} could not be found.`);
  const bound = zone === undefined ? server.request?.availabilityZone : zone;
  if (typeof bound === 'string' && zoneOfHost !== bound)
    throw conflict(`Host "${host}" is not in the availability zone "${bound}".`);
}

/** Nova finds out later that it is gone, and leaves the server in ERROR. */
async function shelvedImage({ context, server }: ComputeCall): Promise<ServerImage> {
  const { imageId } = present(server.shelved, `image of shelved server ${server.id}`);
  const image = await context.images.find(imageId, undefined);
  if (image === undefined || image.status === 'deleted')
    throw badRequest(`Unshelve attempted but the image ${imageId} cannot be found.`);
  return bootableImage(image);
}
