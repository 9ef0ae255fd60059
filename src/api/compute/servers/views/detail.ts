// A server as `GET /servers/{id}` and `GET /servers/detail` show it, by microversion and caller. Pure: the same state,
// version and rank of caller give the same object; `host_status`, which hangs on the host, is put in by the list.
// The fields and their versions: Nova's API reference; Tempest's closed reply schemas hold us to them.
import { instanceName } from '#actors/domain/instance-name.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import { powerStates, statusOf } from '#actors/domain/states.ts';
import type { FloatingOfServer } from '#actors/services/network/floating-ips.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { present } from '#runtime/assert.ts';
import { addressesOf } from './addresses.ts';
import { hostIdOf } from './host-id.ts';
import { bookmark, type LinkBases, serverLinks } from './links.ts';
import { isoMicrosecondsOrNull, isoSeconds } from './times.ts';

export interface ViewOptions extends LinkBases {
  readonly microversion: number;
  /** Sees details of faults inside. */
  readonly isAdmin: boolean;
  /** Sees hosts, names of domains, user data. */
  readonly seesHosts: boolean;
  /** Sees the extra specs of the flavor. */
  readonly seesExtraSpecs: boolean;
  /** The zone that a host is in now; without it a server shows the one that it was placed in. */
  readonly zoneOf?: (host: string) => string | undefined;
  /** Names of the groups of its ports now; without them those that it was created with. */
  readonly securityGroups?: readonly string[] | undefined;
  /** Addresses outside that stand for its own. */
  readonly floating?: readonly FloatingOfServer[];
}

/** Below 2.75 the replies to PUT (and rebuild) are small. */
export type ViewSize = 'whole' | 'small';

/** Microversions in which the list view changes: equal counts below one give equal views. */
const changes = [3, 9, 16, 19, 26, 47, 63, 73, 75, 90, 96, 98, 100] as const;

export function viewFamily(microversion: number): number {
  return changes.filter((minor) => minor <= microversion).length;
}

/** Every guest's first disk is this one (guest-spec.ts). */
const ROOT_DEVICE = '/dev/vda';

type View = Readonly<Record<string, unknown>>;

export function serverView(
  state: InstanceState,
  options: ViewOptions,
  size: ViewSize = 'whole',
): View {
  const request = present(state.request, `request of server ${state.id}`);
  const status = serverStatus(state);
  const from = (minor: number): boolean => options.microversion >= minor;
  return {
    id: state.id,
    name: request.name,
    status,
    tenant_id: request.projectId,
    user_id: request.userId,
    metadata: request.metadata,
    hostId: hostIdOf(request.projectId, state.grant?.host),
    image: imageView(request, options),
    flavor: flavorView(request, options),
    created: isoSeconds(state.createdAtMs),
    updated: isoSeconds(state.updatedAtMs),
    addresses: addressesOf(state, size === 'whole', options.floating),
    accessIPv4: request.accessIPv4,
    accessIPv6: request.accessIPv6,
    links: serverLinks(options, state.id),
    'OS-DCF:diskConfig': request.diskConfig,
    ...faultView(state, status, options),
    ...(progressStatuses.includes(status) ? { progress: 0 } : {}),
    ...(size === 'whole' ? wholeView(state, request, options) : {}),
    ...(from(9) ? { locked: state.locked } : {}),
    ...(from(73) ? { locked_reason: state.lockedReason ?? null } : {}),
    ...(from(19) ? { description: request.description ?? null } : {}),
    ...(from(26) ? { tags: request.tags } : {}),
    ...(from(63) ? { trusted_image_certificates: request.trustedCertificates ?? null } : {}),
    ...(from(90) && !options.seesHosts ? { 'OS-EXT-SRV-ATTR:hostname': request.hostname } : {}),
    ...(from(96) ? { pinned_availability_zone: request.availabilityZone ?? null } : {}),
    ...(from(100) ? { scheduler_hints: hintsView(request.hints) } : {}),
  };
}

const progressStatuses: readonly string[] = [
  'ACTIVE',
  'BUILD',
  'REBUILD',
  'RESIZE',
  'VERIFY_RESIZE',
  'MIGRATING',
];

export function serverStatus(state: InstanceState): string {
  return state.existence === 'gone' ? 'DELETED' : statusOf(state.vmState, state.taskState);
}

function imageView(request: ServerRequest, bases: ViewOptions): unknown {
  const { image } = request;
  if (image === undefined) return '';
  return {
    id: image.id,
    links: [bookmark(bases, `images/${image.id}`)],
    ...(bases.microversion >= 98 ? { properties: image.properties } : {}),
  };
}

/** As they were given: one value is no list. */
function hintsView(hints: ServerRequest['hints']): View {
  return Object.fromEntries(
    Object.entries(hints).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}

function flavorView(request: ServerRequest, options: ViewOptions): View {
  const { flavor } = request;
  if (options.microversion < 47)
    return { id: flavor.id, links: [bookmark(options, `flavors/${flavor.id}`)] };
  return {
    vcpus: flavor.vcpus,
    ram: flavor.ramMiB,
    disk: flavor.diskGiB,
    ephemeral: flavor.ephemeralGiB,
    swap: flavor.swapMiB,
    original_name: flavor.name,
    ...(options.seesExtraSpecs ? { extra_specs: flavor.extraSpecs } : {}),
  };
}

function faultView(state: InstanceState, status: string, options: ViewOptions): View {
  const { fault } = state;
  if (fault === undefined || (status !== 'ERROR' && status !== 'DELETED')) return {};
  const showDetails = fault.details !== '' && (options.isAdmin || fault.code !== 500);
  return {
    fault: {
      code: fault.code,
      created: isoSeconds(fault.atMs),
      message: fault.message,
      ...(showDetails ? { details: fault.details } : {}),
    },
  };
}

function wholeView(state: InstanceState, request: ServerRequest, options: ViewOptions): View {
  return {
    'OS-EXT-AZ:availability_zone': zoneView(state, request, options),
    config_drive: request.configDrive ? 'True' : '',
    key_name: request.key?.name ?? null,
    'OS-SRV-USG:launched_at': isoMicrosecondsOrNull(state.launchedAtMs),
    'OS-SRV-USG:terminated_at': isoMicrosecondsOrNull(state.terminatedAtMs),
    ...groupsView(state, request, options),
    ...(options.seesHosts ? adminView(state, request, options.microversion) : {}),
    'OS-EXT-STS:task_state': state.taskState ?? null,
    'OS-EXT-STS:vm_state': state.vmState,
    'OS-EXT-STS:power_state': powerStates[state.powerState],
    'os-extended-volumes:volumes_attached': [],
  };
}

/** Left out, not empty, for a server without any. */
function groupsView(state: InstanceState, request: ServerRequest, options: ViewOptions): View {
  const names = options.securityGroups ?? request.securityGroups;
  if (state.ports.length === 0 || names.length === 0) return {};
  return { security_groups: names.map((name) => ({ name })) };
}

function zoneView({ grant }: InstanceState, request: ServerRequest, options: ViewOptions): string {
  if (grant === undefined) return request.availabilityZone ?? '';
  return options.zoneOf?.(grant.host) ?? grant.availabilityZone;
}

function adminView(state: InstanceState, request: ServerRequest, microversion: number): View {
  const basic = {
    'OS-EXT-SRV-ATTR:host': state.grant?.host ?? null,
    'OS-EXT-SRV-ATTR:instance_name': instanceName(state.id),
    'OS-EXT-SRV-ATTR:hypervisor_hostname': state.grant?.node ?? null,
  };
  if (microversion < 3) return basic;
  return {
    ...basic,
    'OS-EXT-SRV-ATTR:reservation_id': request.reservationId,
    'OS-EXT-SRV-ATTR:launch_index': request.launchIndex,
    'OS-EXT-SRV-ATTR:hostname': request.hostname,
    'OS-EXT-SRV-ATTR:kernel_id': '',
    'OS-EXT-SRV-ATTR:ramdisk_id': '',
    'OS-EXT-SRV-ATTR:root_device_name': state.runEpoch > 0 ? ROOT_DEVICE : null,
    'OS-EXT-SRV-ATTR:user_data': request.userData ?? null,
  };
}
