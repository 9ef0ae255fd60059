// A compute host as administrators see it, pure.
// The integer id that service and hypervisor have below microversion 2.53 is a hash of the host's name (31 bits, so that
// every client's int holds it): it needs no registry of all hosts and survives a lost journal. Two hosts may share one
// (10 000 hosts: 2 %); then the API answers that the number is not unique, as Nova does across cells.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import type { HostCommand, HostEvent, HostState, HypervisorFacts } from './protocol.ts';

type Decision =
  | Accepted<
      HostEvent,
      | Record<string, never>
      | { readonly forcedDown: boolean; readonly sinceMs: number }
      | { readonly serviceId: string; readonly providerId: string }
    >
  | Refusal;
type Register = Extract<HostCommand, { type: 'host.register' }>;

export function initialHost(id: string): HostState {
  return {
    id,
    registered: false,
    serviceId: '',
    providerId: '',
    number: 0,
    hypervisor: undefined,
    availabilityZone: '',
    enabled: true,
    disabledReason: undefined,
    forcedDown: false,
    updatedAtMs: 0,
  };
}

export function decideHost(state: HostState, command: HostCommand, facts: Facts): Decision {
  if (command.type === 'host.register') return decideRegister(state, command, facts);
  if (command.type === 'host.unregister' && !state.registered) return accept([], {});
  if (!state.registered) return refuse('host-not-found', { host: state.id });
  const atMs = facts.nowMs;
  switch (command.type) {
    case 'host.prove-fenced':
      return accept<HostEvent, { forcedDown: boolean; sinceMs: number }>([], {
        forcedDown: state.forcedDown,
        sinceMs: state.updatedAtMs,
      });
    case 'host.set-enabled': {
      const { enabled } = command;
      const reason = enabled ? undefined : command.reason;
      if (state.enabled === enabled && state.disabledReason === reason) return accept([], {});
      return accept(
        [
          {
            type: 'host.enabled-changed',
            enabled,
            ...(reason === undefined ? {} : { reason }),
            atMs,
          },
        ],
        {},
      );
    }
    case 'host.force-down': {
      const { forcedDown } = command;
      if (state.forcedDown === forcedDown) return accept([], {});
      return accept([{ type: 'host.forced-down-changed', forcedDown, atMs }], {});
    }
    case 'host.unregister':
      return accept([{ type: 'host.unregistered', atMs }], {});
    default:
      return unreachable(command);
  }
}

/** Ids are those of the first registration, whatever the node proposes later. */
function decideRegister(state: HostState, command: Register, facts: Facts): Decision {
  const { hypervisor, availabilityZone } = command;
  const serviceId = state.registered ? state.serviceId : command.serviceId;
  const providerId = state.registered ? state.providerId : command.providerId;
  const reply = { serviceId, providerId };
  const isSame =
    state.registered &&
    state.availabilityZone === availabilityZone &&
    state.hypervisor !== undefined &&
    sameFacts(state.hypervisor, hypervisor);
  if (isSame) return accept([], reply);
  const number = hostNumber(state.id);
  const atMs = facts.nowMs;
  return accept(
    [{ type: 'host.registered', ...reply, number, hypervisor, availabilityZone, atMs }],
    reply,
  );
}

export function evolveHost(state: HostState, event: HostEvent): HostState {
  const updatedAtMs = event.atMs;
  switch (event.type) {
    case 'host.registered': {
      const { serviceId, providerId, number, hypervisor, availabilityZone } = event;
      const ids = { serviceId, providerId, number };
      return { ...state, ...ids, registered: true, hypervisor, availabilityZone, updatedAtMs };
    }
    case 'host.enabled-changed':
      return { ...state, enabled: event.enabled, disabledReason: event.reason, updatedAtMs };
    case 'host.forced-down-changed':
      return { ...state, forcedDown: event.forcedDown, updatedAtMs };
    case 'host.unregistered':
      return { ...initialHost(state.id), updatedAtMs };
    default:
      return unreachable(event);
  }
}

export function hostInvariants(state: HostState): readonly string[] {
  if (!state.registered) return [];
  const broken: string[] = [];
  if (state.serviceId === '' || state.providerId === '') broken.push('registered without ids');
  if (state.number !== hostNumber(state.id))
    broken.push(`number ${state.number} is not its name’s`);
  if (state.hypervisor === undefined) broken.push('registered without a hypervisor');
  if (state.enabled && state.disabledReason !== undefined)
    broken.push('enabled, but with a reason for being disabled');
  return broken;
}

/** 1 to 2³¹ − 1: FNV-1a (32 bits) over the name, finished by MurmurHash3's mixer. */
export function hostNumber(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return Math.max(1, (hash ^ (hash >>> 16)) & 0x7fffffff);
}

function sameFacts(one: HypervisorFacts, other: HypervisorFacts): boolean {
  return canonical(one) === canonical(other);
}

function canonical(facts: HypervisorFacts): string {
  const { cpuTopology: topology, ...rest } = facts;
  const flat = { ...rest, ...topology };
  return JSON.stringify(Object.entries(flat).sort(([a], [b]) => (a < b ? -1 : 1)));
}
