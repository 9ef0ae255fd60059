// POST /servers: checks everything that can be checked now, takes quota for all servers at once, then creates each.
// Ids are made here, so that a command that is repeated inside makes the same server; nothing waits for a host.
import { type instanceCommands, instances } from '#actors/instance/protocol.ts';
import { type projectCommands, projects } from '#actors/project/protocol.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import { canonicalAddress } from '#actors/services/network/addresses.ts';
import { isRefusal, refuse, type Refusal } from '#runtime/message/refusal.ts';
import { badRequest, forbidden, refusalFault } from '../envelope.ts';
import { isTrue } from '../parameter-types.ts';
import { wholeRuleName } from '../../policy/compute-rules-table.ts';
import { demand } from '../policy.ts';
import { classLimitsOf, limitsOf } from '../resources/quotas/quota-limits.ts';
import type { ComputeCall } from '../route.ts';
import {
  checkBlockDevices,
  checkFiles,
  checkMetadataCount,
  findDestination,
  findFlavor,
  findImage,
  findKey,
  plainHints,
} from './create-checks.ts';
import type { CreateBody, CreateServer } from './create-body.ts';
import { planPorts, type PlannedPort, portRequests } from './create-networks.ts';
import { PASSWORD_BYTES, passwordFrom, reservationId, serverNames } from './names.ts';
import { checkGroup, joinGroup } from './group-membership.ts';
import { chosenGroups } from './security-groups.ts';
import { serverLinks } from './views/links.ts';

/** More in one request are refused: a request must stay small enough to be answered at once. */
const MAX_SERVERS = 10_000;
/** How many creations are under way at once. */
const CREATE_BATCH = 256;
/** How often a smaller number is tried when quota is short of `max_count`: once per kind of quota. */
const RESERVE_TRIES = 4;

interface Counts {
  readonly min: number;
  readonly max: number;
}

/** All that the servers of one request have in common. */
interface Template {
  readonly request: Omit<ServerRequest, 'name' | 'hostname' | 'networks' | 'launchIndex'>;
  readonly ports: readonly PlannedPort[];
  readonly asked: { readonly name: string; readonly hostname: string | undefined };
}

export async function createServers(call: ComputeCall): Promise<unknown> {
  const body = call.body as CreateBody;
  const counts = countsOf(body.server);
  const password =
    body.server.adminPass ?? passwordFrom(call.context.env.random.bytes(PASSWORD_BYTES));
  await call.context.views.barrier();
  const template = await templateOf(call, body, { counts, password });
  const ids = await reserve(call, template, counts);
  await joinGroup(call, template.request, ids);
  const created = await createAll(call, template, ids, counts.min);
  if (isTrue(body.server.return_reservation_id))
    return { reservation_id: template.request.reservationId };
  const links = serverLinks(call, created);
  call.setHeader('Location', links[0]?.href ?? '');
  return {
    server: {
      id: created,
      links,
      'OS-DCF:diskConfig': template.request.diskConfig,
      security_groups: body.server.security_groups ?? [{ name: 'default' }],
      adminPass: password,
    },
  };
}

function countsOf({ min_count: asked, max_count: most }: CreateServer): Counts {
  const min = Number(asked ?? 1);
  const max = Number(most ?? min);
  if (min > max) throw badRequest('min_count must be <= max_count');
  if (min > MAX_SERVERS)
    throw badRequest(`min_count must be at most ${MAX_SERVERS} in one request`);
  return { min, max: Math.min(max, MAX_SERVERS) };
}

async function templateOf(
  call: ComputeCall,
  { server, ...others }: CreateBody,
  { counts, password }: { readonly counts: Counts; readonly password: string },
): Promise<Template> {
  const projectId = ownProject(call);
  const destination = findDestination(call, server);
  demandParts(call, server);
  checkBlockDevices(server);
  const { imageRef } = server;
  if (imageRef === undefined || imageRef === '') throw badRequest('Missing imageRef attribute');
  const flavor = findFlavor(call, server.flavorRef);
  if (server.hostname !== undefined && counts.max > 1)
    throw badRequest('Unable to allocate a single hostname to multiple instances');
  const image = await findImage(call, imageRef, flavor);
  const diskConfig = diskConfigOf(server, image.properties, imageRef);
  const ports = planPorts(call, server.networks, { projectId, maxCount: counts.max });
  const key = findKey(call, server.key_name);
  const limits = limitsOf(call.context, projectId);
  const { metadata = {} } = server;
  checkMetadataCount(Object.keys(metadata).length, limits);
  const hints = plainHints(
    others['os:scheduler_hints'] ?? others['OS-SCH-HNT:scheduler_hints'] ?? {},
  );
  checkGroup(call, { projectId, hints });
  const configDrive =
    isTrue(server.config_drive) || image.properties['img_config_drive'] === 'mandatory';
  const name = server.name.trim();
  const description = call.from(19) ? (server.description ?? undefined) : name;
  const certificates = server.trusted_image_certificates ?? undefined;
  return {
    asked: { name, hostname: server.hostname },
    ports,
    request: {
      projectId,
      userId: call.caller.userId,
      ...(description === undefined ? {} : { description }),
      image,
      flavor,
      ...(key === undefined ? {} : { key }),
      ...(typeof server.user_data === 'string' ? { userData: server.user_data } : {}),
      configDrive,
      metadata,
      tags: [...new Set(server.tags)],
      securityGroups: chosenGroups(call.context, projectId, server.security_groups ?? []),
      ...destinationFields(destination),
      hints,
      diskConfig,
      accessIPv4: canonicalAddress(server.accessIPv4 ?? ''),
      accessIPv6: canonicalAddress(server.accessIPv6 ?? ''),
      personality: checkFiles(server.personality ?? [], limits),
      ...(server.adminPass !== undefined || configDrive ? { adminPass: password } : {}),
      ...(certificates === undefined ? {} : { trustedCertificates: [...certificates] }),
      reservationId: reservationId(call.context.env.random.bytes(8)),
    },
  };
}

/** Servers belong to a project: without one in the token none can be made. */
function ownProject(call: ComputeCall): string {
  const { projectId } = call.caller;
  if (projectId !== undefined) return projectId;
  throw forbidden(`Policy doesn't allow ${wholeRuleName('servers:create')} to be performed.`);
}

/** What of a server only some may ask for. */
function demandParts(call: ComputeCall, server: CreateServer): void {
  const { block_device_mapping: legacy = [], block_device_mapping_v2: devices = [] } = server;
  if (legacy.length > 0 || devices.length > 0) demand(call, 'servers:create:attach_volume');
  if (server.networks !== undefined && server.networks !== 'none')
    demand(call, 'servers:create:attach_network');
  if ((server.trusted_image_certificates ?? []).length > 0)
    demand(call, 'servers:create:trusted_certs');
}

function destinationFields(destination: ReturnType<typeof findDestination>) {
  const { availabilityZone, requestedHost } = destination;
  return {
    ...(availabilityZone === undefined ? {} : { availabilityZone }),
    ...(requestedHost === undefined ? {} : { requestedHost }),
  };
}

export function diskConfigOf(
  server: Pick<CreateServer, 'OS-DCF:diskConfig'>,
  properties: Readonly<Record<string, string>>,
  imageRef: string,
): 'AUTO' | 'MANUAL' {
  const ofImage = properties['auto_disk_config'];
  const asked = server['OS-DCF:diskConfig'];
  if (ofImage?.toLowerCase() === 'disabled' && asked === 'AUTO')
    throw badRequest(`Requested image ${imageRef} has automatic disk resize disabled.`);
  return asked ?? (isTrue(ofImage) ? 'AUTO' : 'MANUAL');
}

/** Takes quota for as many servers as there is, at least `min`, all at once; the answer is their ids. */
async function reserve(
  call: ComputeCall,
  { request }: Template,
  { min, max }: Counts,
): Promise<readonly string[]> {
  const { context } = call;
  const usage = { cores: request.flavor.vcpus, ramMiB: request.flavor.ramMiB };
  let count = max;
  for (let tries = 1; ; tries += 1) {
    const ids = Array.from({ length: count }, () => context.env.random.uuid());
    const answer = await context.router.ask<typeof projectCommands, 'project.reserve'>(
      projects.ref(request.projectId),
      {
        type: 'project.reserve',
        servers: ids.map((serverId) => ({ serverId, usage })),
        userId: request.userId,
        classLimits: { ...classLimitsOf(context) },
      },
      { requestId: call.requestId },
    );
    if (!isRefusal(answer)) return ids;
    const allowed = allowedBy(answer, usage);
    if (allowed < min || allowed >= count || tries === RESERVE_TRIES)
      throw refusalFault(min === max ? answer : withRange(answer, `${min}-${max}`));
    count = allowed;
  }
}

interface Over {
  readonly resource: string;
  readonly requested: number | string;
  readonly used: number;
  readonly limit: number;
}

/** How many servers the quota that was exceeded leaves room for. */
function allowedBy(refusal: Refusal, usage: { cores: number; ramMiB: number }): number {
  const perServer: Readonly<Record<string, number>> = {
    instances: 1,
    cores: usage.cores,
    ram: usage.ramMiB,
  };
  const over = (refusal.detail['over'] ?? []) as readonly Over[];
  const room = over.map(({ resource, used, limit }) =>
    Math.floor((limit - used) / (perServer[resource] ?? 1)),
  );
  return room.length === 0 ? 0 : Math.min(...room);
}

function withRange(refusal: Refusal, instances: string): Refusal {
  const over = (refusal.detail['over'] ?? []) as readonly Over[];
  return refuse(refusal.refused, {
    ...refusal.detail,
    over: over.map((one) =>
      one.resource === 'instances' ? { ...one, requested: instances } : one,
    ),
  });
}

/**
 * Creates them in batches; the answer is the first one's id. When the cluster fails on some, those that came to be
 * count if they are enough; the quota of the rest is given back by the project, which looks for its servers.
 */
async function createAll(
  call: ComputeCall,
  template: Template,
  ids: readonly string[],
  min: number,
): Promise<string> {
  const created: string[] = [];
  let failure: unknown;
  for (let start = 0; start < ids.length && failure === undefined; start += CREATE_BATCH) {
    const batch = ids.slice(start, start + CREATE_BATCH);
    const outcomes = await Promise.allSettled(
      batch.map((id, offset) =>
        createOne(call, template, { id, index: start + offset, count: ids.length }),
      ),
    );
    for (const [index, outcome] of outcomes.entries())
      if (outcome.status === 'fulfilled') created.push(batch[index] ?? '');
      else failure = outcome.reason;
  }
  const [first] = created;
  if (first === undefined || created.length < min) throw failure;
  return first;
}

async function createOne(
  call: ComputeCall,
  template: Template,
  server: { readonly id: string; readonly index: number; readonly count: number },
): Promise<void> {
  const { random } = call.context.env;
  const request: ServerRequest = {
    ...template.request,
    ...serverNames(template.asked, server),
    networks: portRequests(template.ports, () => random.uuid()),
    launchIndex: server.index,
  };
  const answer = await call.context.router.ask<typeof instanceCommands, 'instance.create'>(
    instances.ref(server.id),
    { type: 'instance.create', request, operationId: random.uuid() },
    { requestId: call.requestId },
  );
  if (isRefusal(answer)) throw refusalFault(answer);
}
