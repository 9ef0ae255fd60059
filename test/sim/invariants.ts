// What must be true of a cloud at rest, checked against everything that can hold something: providers, quotas, ledgers,
// networks, and the hosts' guests, files and taps. Each finding is a sentence; an empty list is a sound cloud.
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { groupIdOf } from '#actors/instance/group-claims.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { bucketEntries } from '#actors/domain/bucket-map.ts';
import { flavorResources } from '#actors/domain/flavor-resources.ts';
import { isOneHost } from '#actors/instance/moves.ts';
import { largerOf } from '#actors/instance/placement.ts';
import { ledgerDefinition, openGrant } from '#actors/node/ledger.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { auditNetwork } from '#actors/services/network/audit.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { imageKey } from '#hypervisor/image/image-cache.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { macsOf, type SimulatedGuest } from '#hypervisor/simulated/guest.ts';
import type { StateView } from '#runtime/events/projection.ts';

interface View {
  view<S>(definition: { readonly kind: string; initial(id: string): S }): StateView<S>;
}

type Placed = InstanceState & { readonly grant: NonNullable<InstanceState['grant']> };

/** What a witness of the whole run knows better than the states do. */
export interface Known {
  /** What a host has saved as open, as `server@runEpoch`. */
  openGrants(host: string): readonly string[];
  /** Whether the guest has run since its server was suspended, by a start that came late. */
  hasRunSince(serverId: string): boolean;
}

export function violationsOf(
  entities: View,
  hosts: readonly SimulatedHost[],
  known: Known = {
    openGrants: (host) => openGrantsIn(entities, host),
    hasRunSince: () => false,
  },
): readonly string[] {
  const servers = [...entities.view(instanceDefinition).values()];
  const live = servers.filter((server) => server.existence === 'exists');
  const placed = live.filter((server): server is Placed => server.grant !== undefined);
  return [
    ...live.flatMap((server) => unrest(server)),
    ...claims(entities, placed),
    ...difference(
      'quota = live servers',
      [...entities.view(projectDefinition).values()].flatMap(({ id: project, servers: held }) =>
        [...bucketEntries(held)].map(([id]) => `${id} of ${project}`),
      ),
      live.map(({ id, request }) => `${id} of ${request?.projectId ?? 'no project'}`),
    ),
    ...[...entities.view(projectDefinition).values()].flatMap(({ id, pending }) =>
      pending.size === 0 ? [] : [`project ${id} has ${pending.size} reservations unsettled`],
    ),
    ...ports(
      entities,
      live.filter((server) => server.grant !== undefined || server.shelved !== undefined),
    ),
    ...groupClaims(entities, live),
    ...groupPolicies(entities, placed),
    ...hosts.flatMap((host) => onHost(host, known, placed)),
  ];
}

function unrest(server: InstanceState): readonly string[] {
  const { id, vmState, operation, taskState, fault } = server;
  const found: string[] = [];
  if (operation !== undefined) found.push(`server ${id} is still in ${operation.name}`);
  if (taskState !== undefined) found.push(`server ${id} is still ${taskState}`);
  if (vmState === 'building') found.push(`server ${id} is building for ever`);
  if (vmState === 'error' && (fault?.message ?? '') === '')
    found.push(`server ${id} is in error and does not say why`);
  return found;
}

function claims(entities: View, placed: readonly Placed[]): readonly string[] {
  const held = [...entities.view(providerDefinition).values()].flatMap((provider) =>
    [...bucketEntries(provider.allocations)].map(
      ([consumer, { resources }]) => `${consumer} at ${provider.id}: ${shown(resources)}`,
    ),
  );
  return difference(
    'claims = placed servers',
    held,
    placed.flatMap((server) => claimsOf(server, held)),
  );
}

/** Both ends of a move are held; of one in error, what is held at the other end may have been given back already. */
function claimsOf(
  { id, grant, request, move, vmState }: Placed,
  held: readonly string[],
): readonly string[] {
  const claim = (providerId: string, resources: Readonly<Record<string, number>>): string =>
    `${id} at ${providerId}: ${shown(resources)}`;
  if (request === undefined) return [];
  if (move === undefined) return [claim(grant.providerId, flavorResources(request.flavor))];
  const [before, after] = [flavorResources(move.oldFlavor), flavorResources(move.newFlavor)];
  const both = isOneHost(move)
    ? [claim(move.source.providerId, largerOf(before, after))]
    : [claim(move.source.providerId, before), claim(move.destination.providerId, after)];
  if (vmState !== 'error') return both;
  const ends = isOneHost(move) ? [...both, claim(move.source.providerId, before)] : both;
  return [...new Set(ends)].filter((one) => held.includes(one));
}

/** Each group's members are the living servers that were created in it, and hold the hosts that these were granted. */
function groupClaims(entities: View, live: readonly InstanceState[]): readonly string[] {
  const groups = [...entities.view(serverGroupsDefinition).values()].flatMap((project) =>
    project.groups.map((group) => ({ project: project.id, group })),
  );
  const held = groups.flatMap(({ group }) =>
    group.members.map(
      ({ serverId, claims: holds }) =>
        `${serverId} in ${group.id}: ${holds.map(({ host }) => host).join(' ')}`,
    ),
  );
  const wanted = live.flatMap(({ id, request, grant, move, vmState }) => {
    const groupId = groupIdOf(request);
    const isThere = groups.some(
      ({ project, group }) => group.id === groupId && project === request?.projectId,
    );
    if (!isThere) return [];
    const at = (...hosts: readonly string[]): string => `${id} in ${groupId}: ${hosts.join(' ')}`;
    if (move === undefined) return [at(...(grant === undefined ? [] : [grant.host]))];
    const both = at(move.source.host, move.destination.host);
    // Of one in error, what is held at the other end may have been given back already.
    const either = vmState === 'error' ? [both, at(move.source.host)] : [both];
    return [either.find((one) => held.includes(one)) ?? both];
  });
  return difference('members of server groups = servers created in them', held, wanted);
}

/** I8: where members were granted to run, whoever claimed what. */
function groupPolicies(entities: View, placed: readonly Placed[]): readonly string[] {
  return [...entities.view(serverGroupsDefinition).values()].flatMap(({ id: project, groups }) =>
    groups.flatMap(({ id, policy, maxServerPerHost = 1 }) => {
      const hosts = placed
        .filter(({ request }) => request?.projectId === project && groupIdOf(request) === id)
        .map(({ grant }) => grant.host);
      const most = Math.max(...hosts.map((host) => hosts.filter((one) => one === host).length));
      if (policy === 'anti-affinity' && most > maxServerPerHost)
        return [`${most} servers of anti-affinity group ${id} of ${project} are on one host`];
      if (policy === 'affinity' && new Set(hosts).size > 1)
        return [`servers of affinity group ${id} of ${project} are on ${hosts.join(', ')}`];
      return [];
    }),
  );
}

function shown(resources: Readonly<Record<string, number>>): string {
  return Object.entries(resources)
    .filter(([, amount]) => amount > 0)
    .map(([name, amount]) => `${name}=${amount}`)
    .sort()
    .join(' ');
}

/** An attachment or a detachment of its ended in an error: what there is of it is not sure (docs/failure-model.md). */
function hasUnsurePorts({ actions }: Pick<InstanceState, 'actions'>): boolean {
  return actions.some(
    ({ action, message }) => /^(attach|detach)_interface$/.test(action) && message === 'Error',
  );
}

function ports(entities: View, holders: readonly InstanceState[]): readonly string[] {
  // A port that comes late, after its attachment has failed, goes with its server.
  const isLeftOver = (portId: string, serverId: string): boolean =>
    holders.some(
      (holder) =>
        holder.id === serverId &&
        hasUnsurePorts(holder) &&
        !holder.ports.some((port) => port.portId === portId),
    );
  const networks = [...entities.view(networkDefinition).values()];
  const bound = networks.flatMap((network) =>
    [...bucketEntries(network.ports)]
      .filter(([portId, { deviceId }]) => deviceId !== '' && !isLeftOver(portId, deviceId))
      .map(([portId, port]) => `${portId} of ${port.deviceId} ${port.mac}`),
  );
  const wanted = holders.flatMap(({ id, ports: theirs }) =>
    theirs.map(({ portId, mac }) => `${portId} of ${id} ${mac}`),
  );
  return [
    ...difference('ports = placed and shelved servers', bound, wanted),
    ...networks.flatMap((network) => auditNetwork(network)),
  ];
}

/** A server in error, one that never ran or is half deleted may or may not have what it is granted; all others must. */
function onHost(host: SimulatedHost, known: Known, placed: readonly Placed[]): readonly string[] {
  const here = placed.filter(({ grant }) => grant.host === host.name);
  const guests = [...host.guests.all()].filter(
    (guest) => guest.power !== 'off' && guest.mark !== undefined,
  );
  const sure = here.filter(
    ({ vmState, launchedAtMs, actions }) =>
      vmState !== 'error' &&
      launchedAtMs !== undefined &&
      // One that was never built whole, and that an administrator then called active, has what it has.
      !actions.some(
        ({ action, message }) => /^(create|delete)$/.test(action) && message === 'Error',
      ),
  );
  // The source of a move keeps the disks, and that of one that ended in an error what stands still of its guest.
  const leaving = placed.filter(({ move }) => move?.source.host === host.name);
  const moving = leaving.map(({ id }) => id);
  const stuck = leaving.filter(({ vmState }) => vmState === 'error');
  const within = (
    what: string,
    found: readonly string[],
    of: (server: Placed) => readonly string[],
    others: readonly string[] = [],
    having = sure,
  ) => [
    ...found
      .filter((one) => !here.some((server) => of(server).includes(one)) && !others.includes(one))
      .map((one) => `${host.name}: ${what} of ${one} is left over`),
    ...having
      .flatMap(of)
      .filter((one) => !found.includes(one))
      .map((one) => `${host.name}: ${what} of ${one} is missing`),
  ];
  return [
    ...guests
      .filter(
        ({ id, migration }) => migration !== 'outgoing' || !stuck.some((one) => one.id === id),
      )
      .flatMap((guest) => guestFindings(guest, host, here)),
    ...sure.flatMap((server) => powerFindings(server, guests, host)),
    // One whose disk is made anew by its next start may have none until then.
    ...within(
      'directory',
      host.files.guests(),
      ({ id }) => [id],
      moving,
      sure.filter(({ needsRebuild }) => needsRebuild !== true),
    ),
    // A server that is off gets its ports at its next start: what failed halfway may have taken one away.
    ...within(
      'tap',
      [...host.ports.keys()],
      (server) => server.ports.map(({ portId }) => portId),
      stuck.flatMap(({ ports: theirs }) => theirs.map(({ portId }) => portId)),
      sure.filter(
        (server) => !hasUnsurePorts(server) && guests.some((guest) => guest.id === server.id),
      ),
    ),
    ...within('open grant', known.openGrants(host.name), ({ id, grant }) => [
      `${id}@${grant.runEpoch}`,
    ]),
    ...sure.flatMap((server) => memoryFindings(server, host, known)),
    ...sure.flatMap((server) => diskFindings(server, host)),
    ...sure.flatMap((server) => copyFindings(server, host)),
  ];
}

function openGrantsIn(entities: View, host: string): readonly string[] {
  const ledger = entities.view(ledgerDefinition).get(host);
  return [...bucketEntries(ledger?.entries ?? { size: 0, buckets: [] })]
    .filter(([id]) => openGrant(ledger, id) !== undefined)
    .map(([id, { runEpoch }]) => `${id}@${runEpoch}`);
}

/** Memory of a guest that has run since is of another disk: to resume from it would destroy the server's data. */
function memoryFindings(server: Placed, host: SimulatedHost, known: Known): readonly string[] {
  const { id, vmState } = server;
  const isThere = host.files.find(id, 'memory.save') !== undefined;
  if (vmState === 'suspended' && !isThere && !known.hasRunSince(id))
    return [`${host.name}: memory of ${id} is missing`];
  const runs = vmState === 'active' || vmState === 'paused';
  return runs && isThere ? [`${host.name}: old memory of ${id} is left over`] : [];
}

/** The copy of a disk goes when it was given away, or with the next start after a snapshot that failed. */
function copyFindings({ id, actions }: Placed, host: SimulatedHost): readonly string[] {
  const hasFailed = actions.some(
    ({ action, message }) => /^(create|shelve$)/.test(action) && message === 'Error',
  );
  const isThere = host.files.find(id, 'snapshot.qcow2') !== undefined;
  return isThere && !hasFailed ? [`${host.name}: a copy of the disk of ${id} is left over`] : [];
}

/** The root disk of a server that has not moved is of its image, and the rescue disk of a rescued server is there. */
function diskFindings(server: Placed, host: SimulatedHost): readonly string[] {
  const { id, request, vmState, needsRebuild, migrations, hasWholeDisk } = server;
  const found: string[] = [];
  const root = host.files.find(id, 'disk.qcow2');
  const image = hasWholeDisk === true ? undefined : request?.image;
  const wanted = image === undefined ? undefined : imageKey(image);
  if (root?.base !== wanted && needsRebuild !== true && migrations.length === 0)
    found.push(`${host.name}: the root disk of ${id} stands on ${root?.base}, not on ${wanted}`);
  const rescueDisk = host.files.find(id, 'disk.rescue.qcow2');
  if (vmState === 'rescued' && rescueDisk === undefined)
    found.push(`${host.name}: ${id} is rescued, and its rescue disk is missing`);
  return found;
}

function guestFindings(
  guest: SimulatedGuest,
  host: SimulatedHost,
  here: readonly Placed[],
): readonly string[] {
  const server = here.find(({ id }) => id === guest.id);
  if (server === undefined) return [`${host.name}: guest ${guest.id} runs without a grant`];
  const { runEpoch } = server.grant;
  if (guest.mark?.runEpoch !== runEpoch)
    return [
      `${host.name}: guest ${guest.id} runs under ${guest.mark?.runEpoch}, granted is ${runEpoch}`,
    ];
  if (server.vmState === 'error' || hasUnsurePorts(server)) return [];
  const wanted = server.ports.map(({ mac }) => mac);
  return difference(`${host.name}: interfaces of guest ${guest.id}`, macsOf(guest), wanted);
}

function powerFindings(
  server: Placed,
  guests: readonly SimulatedGuest[],
  host: SimulatedHost,
): readonly string[] {
  const power = guests.find(({ id }) => id === server.id)?.power ?? 'off';
  const wanted: Readonly<Partial<Record<InstanceState['vmState'], string>>> = {
    active: 'running',
    paused: 'paused',
    stopped: 'off',
    suspended: 'off',
    shelved: { running: 'running', paused: 'paused' }[server.powerState as string] ?? 'off',
    // Guests that go off, or come up late, leave these as they are.
    'soft-delete': { running: 'running', paused: 'paused' }[server.powerState as string] ?? 'off',
    rescued: { running: 'running', paused: 'paused' }[server.powerState as string] ?? 'off',
  };
  if (server.vmState === 'resized') return [];
  return wanted[server.vmState] === power
    ? []
    : [`${host.name}: server ${server.id} is ${server.vmState}, but its guest is ${power}`];
}

function difference(
  what: string,
  found: readonly string[],
  wanted: readonly string[],
): readonly string[] {
  const counts = new Map<string, number>();
  for (const one of found) counts.set(one, (counts.get(one) ?? 0) + 1);
  for (const one of wanted) counts.set(one, (counts.get(one) ?? 0) - 1);
  return [...counts]
    .filter(([, count]) => count !== 0)
    .map(([one, count]) => `${what}: ${one} ${count > 0 ? 'is too many' : 'is missing'}`);
}
