// What a network answers to a command: events and a reply, or a refusal. Pure. Who may ask is the API's matter.
// Ports are decided in port-decisions.ts, subnets in subnet-decisions.ts.
import { unreachable } from '#runtime/assert.ts';
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { bucketEntries, bucketGet } from '../../domain/bucket-map.ts';
import {
  attachPort,
  bindPorts,
  changePort,
  createPort,
  deletePort,
  releasePorts,
} from './port-decisions.ts';
import {
  FLOATING_OWNER,
  type NetworkCommand,
  type networkCommands,
  type NetworkEvent,
  type PortRecord,
} from './protocol.ts';
import { findSubnet, type NetworkState } from './state.ts';
import { changedTags } from './tags.ts';
import { changeSubnet, createSubnet, deleteSubnet } from './subnet-decisions.ts';

export type NetworkAnswer = Accepted<NetworkEvent, object> | Refusal;
export type NetworkAsk<T extends keyof typeof networkCommands> = CommandNamed<
  typeof networkCommands,
  T
>;

/** How many ports a refusal names. */
const NAMED_PORTS = 20;

export function decideNetwork(
  network: NetworkState,
  command: NetworkCommand,
  facts: Facts,
): NetworkAnswer {
  if (network.recentChanges.includes(command.changeId)) return accept([], {});
  const { changeId } = command;
  const stamp = { changeId, atMs: facts.nowMs };
  if (command.type === 'network.create') {
    if (network.status !== 'absent') return refuse('network-exists', { networkId: network.id });
    const { attributes } = command;
    return accept([{ type: 'network.created', attributes, ...stamp }], {});
  }
  if (command.type === 'network.release-ports') return releasePorts(network, command, facts);
  if (network.status !== 'present') return refuse('network-not-found', { networkId: network.id });
  const stale = revisionMismatch(network, command);
  if (stale !== undefined) return stale;
  switch (command.type) {
    case 'network.change':
      return changeNetwork(network, command, facts);
    case 'network.delete':
      return deleteNetwork(network, command, facts);
    case 'network.create-subnet':
      return createSubnet(network, command, facts);
    case 'network.change-subnet':
      return changeSubnet(network, command, facts);
    case 'network.delete-subnet':
      return deleteSubnet(network, command, facts);
    case 'network.create-port':
      return createPort(network, command, facts);
    case 'network.change-port':
      return changePort(network, command, facts);
    case 'network.delete-port':
      return deletePort(network, command, facts);
    case 'network.attach-port':
      return attachPort(network, command, facts);
    case 'network.bind-ports':
      return bindPorts(network, command, facts);
    case 'network.set-tags':
      return setTags(network, command, facts);
    default:
      return unreachable(command);
  }
}

/** `If-Match: revision_number=…`: the change is for that revision or for none. */
function revisionMismatch(network: NetworkState, command: NetworkCommand): Refusal | undefined {
  if (!('ifRevision' in command) || command.ifRevision === undefined) return undefined;
  const wanted = command.ifRevision;
  const id = resourceId(network, command);
  const revision = revisionOf(network, id);
  if (revision === undefined || revision === wanted) return undefined;
  return refuse('revision-mismatch', { id, revision: wanted });
}

function resourceId(network: NetworkState, command: NetworkCommand): string {
  if ('portId' in command) return command.portId;
  return 'subnetId' in command ? command.subnetId : network.id;
}

function revisionOf(network: NetworkState, id: string): number | undefined {
  if (id === network.id) return network.revision;
  return findSubnet(network, id)?.revision ?? bucketGet(network.ports, id)?.revision;
}

function changeNetwork(
  network: NetworkState,
  command: NetworkAsk<'network.change'>,
  facts: Facts,
): NetworkAnswer {
  const { attributes, changeId } = command;
  if (attributes.shared === false && network.attributes.shared) {
    const owner = network.attributes.projectId;
    for (const [, port] of bucketEntries(network.ports))
      if (port.projectId !== owner && !port.deviceOwner.startsWith('network:'))
        return refuse('network-shared-in-use', { networkId: network.id });
  }
  return accept([{ type: 'network.changed', attributes, changeId, atMs: facts.nowMs }], {});
}

function deleteNetwork(
  network: NetworkState,
  command: NetworkAsk<'network.delete'>,
  facts: Facts,
): NetworkAnswer {
  const { changeId } = command;
  const happened = { changeId, atMs: facts.nowMs } as const;
  const used: string[] = [];
  const events: NetworkEvent[] = [];
  for (const [, port] of bucketEntries(network.ports)) {
    if (isUnusedAddress(port))
      events.push({ type: 'network.port-deleted', portId: port.id, ...happened });
    else if (used.length < NAMED_PORTS) used.push(port.id);
  }
  if (used.length > 0) return refuse('network-in-use', { networkId: network.id, portIds: used });
  return accept([...events, { type: 'network.deleted', ...happened }], {});
}

/** A floating address that stands for nothing goes with its network. */
function isUnusedAddress({ deviceOwner, floating }: PortRecord): boolean {
  return deviceOwner === FLOATING_OWNER && floating === undefined;
}

function setTags(
  network: NetworkState,
  command: NetworkAsk<'network.set-tags'>,
  facts: Facts,
): NetworkAnswer {
  const { kind, id, changeId } = command;
  const before = tagsOf(network, kind, id);
  if (before === undefined)
    return kind === 'port'
      ? refuse('port-not-found', { portId: id })
      : refuse('subnet-not-found', { subnetId: id });
  const tags = changedTags(before, command);
  return accept([{ type: 'network.tags-set', kind, id, tags, changeId, atMs: facts.nowMs }], {});
}

function tagsOf(
  network: NetworkState,
  kind: 'network' | 'subnet' | 'port',
  id: string,
): readonly string[] | undefined {
  if (kind === 'network') return network.tags;
  return kind === 'subnet' ? findSubnet(network, id)?.tags : bucketGet(network.ports, id)?.tags;
}
