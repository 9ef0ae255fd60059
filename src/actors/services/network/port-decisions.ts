// Ports of a network: made, changed, given to devices and freed. Pure. Addresses: allocation.ts.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import { planAddresses } from './allocation.ts';
import { bucketEntries, bucketGet } from '../../domain/bucket-map.ts';
import type { networkCommands, NetworkEvent, PortAttributes, PortRecord } from './protocol.ts';
import { findSubnet, hasAutomaticAddresses, type NetworkState } from './state.ts';

type Answer = Accepted<NetworkEvent, object> | Refusal;
type Ask<T extends keyof typeof networkCommands> = CommandNamed<typeof networkCommands, T>;

export function createPort(
  network: NetworkState,
  command: Ask<'network.create-port'>,
  facts: Facts,
): Answer {
  const { portId, projectId, attributes, ownedByDevice, tags, changeId } = command;
  const there = bucketGet(network.ports, portId);
  if (there !== undefined) {
    // The same device asks again, under another change: an effect that was run twice.
    const isSame = ownedByDevice && there.ownedByDevice && there.deviceId === attributes.deviceId;
    return isSame ? accept([], {}) : refuse('port-exists', { portId });
  }
  const taken = floatingRefusal(network, portId, command.floating);
  if (taken !== undefined) return taken;
  const mac = command.macs.find((each) => bucketGet(network.macs, each) === undefined);
  if (mac === undefined) return noMac(network, command.macs);
  const fixedIps = planAddresses(network, {
    portId,
    mac,
    current: [],
    requests: command.addresses,
    deviceOwner: attributes.deviceOwner,
  });
  if (isRefusal(fixedIps)) return fixedIps;
  const atMs = facts.nowMs;
  const port: PortRecord = {
    ...attributes,
    // A pair without a MAC is about the port's own.
    addressPairs: attributes.addressPairs.map((pair) => ({ ...pair, mac: pair.mac || mac })),
    id: portId,
    projectId,
    mac,
    fixedIps: [...fixedIps],
    ownedByDevice,
    ...(command.floating === undefined ? {} : { floating: command.floating }),
    tags: [...new Set(tags)].sort(),
    revision: 1,
    createdAtMs: atMs,
    updatedAtMs: atMs,
  };
  return accept([{ type: 'network.port-set', port, changeId, atMs }], {});
}

/** A fixed address has one floating address of a network at most. */
function floatingRefusal(
  network: NetworkState,
  portId: string,
  floating: PortRecord['floating'] | null,
): Refusal | undefined {
  if (floating === undefined || floating === null) return undefined;
  for (const [, other] of bucketEntries(network.ports)) {
    const isTaken =
      other.id !== portId &&
      other.floating?.portId === floating.portId &&
      other.floating.address === floating.address;
    if (isTaken)
      return refuse('floating-taken', {
        floatingIpId: other.deviceId,
        floatingAddress: other.fixedIps[0]?.address,
        portId: floating.portId,
        address: floating.address,
        networkId: network.id,
      });
  }
  return undefined;
}

function noMac(network: NetworkState, macs: readonly string[]): Refusal {
  const [wanted] = macs;
  return macs.length === 1
    ? refuse('mac-in-use', { networkId: network.id, mac: wanted })
    : refuse('no-mac', { networkId: network.id });
}

export function changePort(
  network: NetworkState,
  command: Ask<'network.change-port'>,
  facts: Facts,
): Answer {
  const port = bucketGet(network.ports, command.portId);
  if (port === undefined) return refuse('port-not-found', { portId: command.portId });
  const mac = command.mac ?? port.mac;
  const refused = macRefusal(network, port, mac);
  if (refused !== undefined) return refused;
  const taken = floatingRefusal(network, port.id, command.floating);
  if (taken !== undefined) return taken;
  const { floating: before, ...others } = port;
  const floating = command.floating === undefined ? before : (command.floating ?? undefined);
  const changed = {
    ...others,
    ...(floating === undefined ? {} : { floating }),
    ...command.attributes,
    mac,
  };
  let { fixedIps } = port;
  if (command.addresses !== undefined || mac !== port.mac) {
    const planned = planAddresses(network, {
      portId: port.id,
      mac,
      current: mac === port.mac ? port.fixedIps : withoutAutomatic(network, port),
      requests: command.addresses ?? requestsOf(withoutAutomatic(network, port)),
      deviceOwner: changed.deviceOwner,
    });
    if (isRefusal(planned)) return planned;
    fixedIps = [...planned];
  }
  return accept([portSet({ ...changed, fixedIps }, command.changeId, facts)], {});
}

function requestsOf(fixedIps: PortRecord['fixedIps']): PortRecord['fixedIps'] {
  return fixedIps.map(({ subnetId, address }) => ({ subnetId, address }));
}

function withoutAutomatic(network: NetworkState, port: PortRecord): PortRecord['fixedIps'] {
  return port.fixedIps.filter(({ subnetId }) => {
    const subnet = findSubnet(network, subnetId);
    return subnet === undefined || !hasAutomaticAddresses(subnet);
  });
}

function macRefusal(network: NetworkState, port: PortRecord, mac: string): Refusal | undefined {
  if (mac === port.mac) return undefined;
  if (port.host !== '')
    return refuse('port-bound', { portId: port.id, oldMac: port.mac, newMac: mac });
  if (bucketGet(network.macs, mac) !== undefined)
    return refuse('mac-in-use', { networkId: network.id, mac });
  return undefined;
}

function portSet(port: PortRecord, changeId: string, facts: Facts): NetworkEvent {
  const atMs = facts.nowMs;
  const next = { ...port, revision: port.revision + 1, updatedAtMs: atMs };
  return { type: 'network.port-set', port: next, changeId, atMs };
}

export function deletePort(
  network: NetworkState,
  command: Ask<'network.delete-port'>,
  facts: Facts,
): Answer {
  const { portId, changeId } = command;
  if (bucketGet(network.ports, portId) === undefined) return refuse('port-not-found', { portId });
  return accept([{ type: 'network.port-deleted', portId, changeId, atMs: facts.nowMs }], {});
}

export function attachPort(
  network: NetworkState,
  command: Ask<'network.attach-port'>,
  facts: Facts,
): Answer {
  const { portId, deviceId, deviceOwner, changeId } = command;
  const port = bucketGet(network.ports, portId);
  if (port === undefined) return refuse('port-not-found', { portId });
  if (port.deviceId !== '' && port.deviceId !== deviceId)
    return refuse('port-in-use', {
      portId,
      networkId: network.id,
      deviceId: port.deviceId,
    });
  if (port.deviceId === deviceId && port.deviceOwner === deviceOwner) return accept([], {});
  return accept([portSet({ ...port, deviceId, deviceOwner }, changeId, facts)], {});
}

export function bindPorts(
  network: NetworkState,
  command: Ask<'network.bind-ports'>,
  facts: Facts,
): Answer {
  const { host, changeId } = command;
  const events = portsOfDevice(network, command)
    .filter((port) => port.host !== host)
    .map((port) => portSet({ ...port, host }, changeId, facts));
  return accept(events, {});
}

export function releasePorts(
  network: NetworkState,
  command: Ask<'network.release-ports'>,
  facts: Facts,
): Answer {
  const { changeId } = command;
  const atMs = facts.nowMs;
  const free: PortAttributes = { deviceId: '', deviceOwner: '', host: '', profile: '{}' };
  const events = portsOfDevice(network, command).map(
    (port): NetworkEvent =>
      port.ownedByDevice
        ? { type: 'network.port-deleted', portId: port.id, changeId, atMs }
        : portSet({ ...port, ...free }, changeId, facts),
  );
  return accept(events, {});
}

function portsOfDevice(
  network: NetworkState,
  {
    deviceId,
    portIds,
    macs,
  }: {
    readonly deviceId: string;
    readonly portIds: readonly string[];
    readonly macs?: readonly string[];
  },
): readonly PortRecord[] {
  return portIds.flatMap((portId, index) => {
    const port = bucketGet(network.ports, portId);
    const isMeant = macs === undefined || macs[index] === port?.mac;
    return port?.deviceId === deviceId && isMeant ? [port] : [];
  });
}
