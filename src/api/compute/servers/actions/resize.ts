// `resize`, and the two ends that it may have: `confirmResize` keeps it, `revertResize` takes it back.
import type { Flavor } from '#actors/domain/server.ts';
import { type projectCommands, projects } from '#actors/project/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { badRequest, refusalFault } from '../../envelope.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';
import { findFlavor } from '../create-checks.ts';
import { checkDestination, confirmWindow, maySameHost } from '../move-checks.ts';
import { diskConfigOf } from '../create.ts';
import { actorOf, askServer, operateWith } from '../operate.ts';

const resizeBody = {
  type: 'object',
  properties: {
    resize: {
      type: 'object',
      properties: {
        flavorRef: { type: ['string', 'integer'], minLength: 1 },
        'OS-DCF:diskConfig': { type: 'string', enum: ['AUTO', 'MANUAL'] },
      },
      required: ['flavorRef'],
      additionalProperties: false,
    },
  },
  required: ['resize'],
  additionalProperties: false,
} as const;

interface ResizeBody {
  readonly resize: {
    readonly flavorRef: string | number;
    readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
  };
}

export const resizeAction: ComputeAction = {
  name: 'resize',
  policy: 'servers:resize',
  body: [{ schema: resizeBody }],
  success: 202,
  handler: async (call) => {
    const { flavorRef, ...asked } = (call.body as ResizeBody).resize;
    const flavor = newFlavor(call, flavorRef);
    const image = call.server.request?.image;
    const hasDiskConfig = asked['OS-DCF:diskConfig'] !== undefined;
    const diskConfig = diskConfigOf(asked, image?.properties ?? {}, image?.id ?? '');
    const sameHost = maySameHost(call);
    await checkQuota(call, flavor);
    await checkDestination(call, { action: 'resize', flavor, host: undefined, sameHost });
    await operateWith(call, 'resize', { flavor, sameHost, ...confirmWindow(call) });
    // It stays when the resize is taken back, as in Nova.
    if (hasDiskConfig)
      await askServer(call, 'resize', {
        type: 'instance.rename',
        actor: actorOf(call),
        diskConfig,
      });
  },
};

/** Looked at here for an answer at once; the move takes it. */
async function checkQuota(call: ComputeCall, flavor: Flavor): Promise<void> {
  const { context, server, requestId } = call;
  const { request } = server;
  if (request === undefined) return;
  const usage = {
    cores: Math.max(flavor.vcpus, request.flavor.vcpus),
    ramMiB: Math.max(flavor.ramMiB, request.flavor.ramMiB),
  };
  const answer = await context.router.ask<typeof projectCommands, 'project.resize'>(
    projects.ref(request.projectId),
    { type: 'project.resize', serverId: server.id, usage, checkOnly: true },
    { requestId },
  );
  if (isRefusal(answer)) throw refusalFault(answer);
}

/** Nova's refusals; that a disk would have to shrink is found out, as there, when the move is under way. */
function newFlavor(call: ComputeCall, flavorRef: string | number): Flavor {
  const flavor = findFlavor(call, flavorRef);
  const { request } = call.server;
  if (flavor.id === request?.flavor.id)
    throw badRequest('When resizing, instances must change flavor!');
  if (flavor.diskGiB === 0 && (request?.flavor.diskGiB ?? 0) > 0)
    throw badRequest(
      'Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.',
    );
  const minRamMiB = request?.image?.minRamMiB ?? 0;
  if (flavor.ramMiB < minRamMiB)
    throw badRequest("Flavor's memory is too small for requested image.");
  return flavor;
}

export const confirmResizeAction: ComputeAction = {
  name: 'confirmResize',
  policy: 'servers:confirm_resize',
  success: 204,
  handler: (call) => operateWith(call, 'confirm-resize', undefined, 'confirmResize'),
};

export const revertResizeAction: ComputeAction = {
  name: 'revertResize',
  policy: 'servers:revert_resize',
  success: 202,
  handler: (call) => operateWith(call, 'revert-resize', undefined, 'revertResize'),
};
