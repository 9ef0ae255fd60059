// `rebuild`: the same server anew from an image. What the body names must exist and fit, as at create; what it leaves out
// stays as it is.
import type { Rebuild } from '#actors/instance/rebuild.ts';
import { canonicalAddress } from '#actors/services/network/addresses.ts';
import { present } from '#runtime/assert.ts';
import { badRequest, notFound } from '../../envelope.ts';
import { isTrue } from '../../parameter-types.ts';
import { demand } from '../../policy.ts';
import { limitsOf } from '../../resources/quotas/quota-limits.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';
import { diskConfigOf } from '../create.ts';
import { checkFiles, checkMetadataCount, findImage, findKey } from '../create-checks.ts';
import { PASSWORD_BYTES, passwordFrom } from '../names.ts';
import { operate } from '../operate.ts';
import { rebuildSchemas } from '../schemas-rebuild.ts';
import { oneServer } from '../show.ts';
import { serverLinks } from '../views/links.ts';

interface RebuildBody {
  readonly imageRef: string;
  readonly name?: string;
  readonly adminPass?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly preserve_ephemeral?: boolean | string;
  readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
  readonly accessIPv4?: string;
  readonly accessIPv6?: string;
  readonly personality?: readonly { readonly path?: string; readonly contents?: string }[];
  readonly description?: string | null;
  readonly key_name?: string | null;
  readonly user_data?: string | null;
  readonly trusted_image_certificates?: readonly string[] | null;
  readonly hostname?: string;
}

export const rebuildAction: ComputeAction = {
  name: 'rebuild',
  policy: 'servers:rebuild',
  body: rebuildSchemas,
  success: 202,
  handler: async (call) => {
    const { rebuild: asked } = call.body as { readonly rebuild: RebuildBody };
    const password = asked.adminPass ?? passwordFrom(call.context.env.random.bytes(PASSWORD_BYTES));
    const rebuild = await rebuildOf(call, asked, password);
    await operate(call, 'rebuild', { parameters: { rebuild } });
    return reply(call, password);
  },
};

async function rebuildOf(
  call: ComputeCall,
  asked: RebuildBody,
  password: string,
): Promise<Rebuild> {
  const request = present(call.server.request, `request of server ${call.server.id}`);
  const { name, hostname, description, metadata, accessIPv4, accessIPv6 } = asked;
  const { personality, key_name: keyName, user_data: userData } = asked;
  const limits = limitsOf(call.context, request.projectId);
  if ((await call.context.images.find(asked.imageRef, call.caller)) === undefined)
    throw badRequest('Cannot find image for rebuild');
  const image = await findImage(call, asked.imageRef, request.flavor);
  if (metadata !== undefined) checkMetadataCount(Object.keys(metadata).length, limits);
  const hasDiskConfig = asked['OS-DCF:diskConfig'] !== undefined;
  const certificates = asked.trusted_image_certificates;
  if ((certificates ?? []).length > 0) demand(call, 'servers:rebuild:trusted_certs');
  const keepsPassword = asked.adminPass !== undefined || request.configDrive;
  return {
    image,
    preserveEphemeral: isTrue(asked.preserve_ephemeral),
    ...(name === undefined ? {} : { name: name.trim() }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
    ...(keyName === undefined ? {} : { key: findKey(call, keyName ?? undefined) ?? null }),
    ...(userData === undefined ? {} : { userData }),
    ...(personality === undefined ? {} : { personality: checkFiles(personality, limits) }),
    ...(accessIPv4 === undefined ? {} : { accessIPv4: canonicalAddress(accessIPv4) }),
    ...(accessIPv6 === undefined ? {} : { accessIPv6: canonicalAddress(accessIPv6) }),
    ...(hasDiskConfig ? { diskConfig: diskConfigOf(asked, image.properties, image.id) } : {}),
    ...(keepsPassword ? { adminPass: password } : {}),
    ...(certificates === undefined
      ? {}
      : { trustedCertificates: certificates === null ? null : [...certificates] }),
  };
}

/** Until 2.74 the reply leaves out what came as extensions. */
function reply(call: ComputeCall, password: string): unknown {
  const { id } = call.server;
  const server = call.reads.find(id, call.caller);
  if (server?.request === undefined) throw notFound(`Instance ${id} could not be found.`);
  // Its user data stands under a name of its own here.
  const { 'OS-EXT-SRV-ATTR:user_data': _, ...view } = oneServer(
    call,
    call.from(75) ? 'whole' : 'small',
    server,
  ).server;
  call.setHeader('Location', serverLinks(call, id)[0]?.href ?? '');
  return {
    server: {
      ...view,
      ...(call.from(54) ? { key_name: server.request.key?.name ?? null } : {}),
      ...(call.from(57) ? { user_data: server.request.userData ?? null } : {}),
      adminPass: password,
    },
  };
}
