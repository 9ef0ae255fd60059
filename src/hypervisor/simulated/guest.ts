// One simulated guest: what each order does to it and what it says about that. Pure.
// The event orders are those of libvirt 9.0, read from a real one (`virsh event --all` beside each call).

import type { GuestEvent, GuestMark, GuestPower, GuestSpec, GuestState } from '../port.ts';
import { writeConsole } from './console-text.ts';

const NMI_TEXT = '[   60.000000] NMI received, no crash kernel is loaded (simulated)\r\n';

/** Small on purpose: a simulated cell has a million of these. */
export interface SimulatedGuest {
  readonly id: string;
  readonly name: string;
  readonly mark: GuestMark | undefined;
  /** `off`: no domain any more; kept for its console log until its files are removed. */
  readonly power: GuestPower | 'off';
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly mac: string | undefined;
  /** There is an agent, and it does what it is asked. */
  readonly hasAgent?: true;
  /** Of its other interfaces, if there are some. */
  readonly otherMacs?: readonly string[];
  /** Names this run of the domain, so that a late timer of an earlier run does nothing. */
  readonly incarnation: number;
  /** Created paused and not yet resumed: firmware has not run. */
  readonly awaitsBoot: boolean;
  /** How often it booted since its console log began. */
  readonly boots: number;
  /** Standing still for another host: copied to one, or waiting to be copied from one. */
  readonly migration?: 'outgoing' | 'incoming';
  /** The console log, once somebody wrote to the console; before that it follows from `boots`. */
  readonly log: string | undefined;
}

export interface GuestStep {
  readonly guest: SimulatedGuest;
  readonly events: readonly GuestEvent[];
}

export function createGuest(spec: GuestSpec, incarnation: number, paused: boolean): GuestStep {
  const { id } = spec;
  const guest: SimulatedGuest = {
    ...describe(spec),
    incarnation,
    power: paused ? 'paused' : 'running',
    awaitsBoot: paused,
    boots: paused ? 0 : 1,
    log: undefined,
  };
  const started: GuestEvent = { type: 'guest.started', id, detail: 'booted' };
  const events: GuestEvent[] = paused
    ? [started, { type: 'guest.paused', id, detail: 'paused' }]
    : [{ type: 'guest.resumed', id, detail: 'unpaused' }, started];
  return { guest, events };
}

/** The console log goes on where the saved guest left it. */
export function restoreGuest(
  spec: GuestSpec,
  incarnation: number,
  before: SimulatedGuest | undefined,
): GuestStep {
  const { id } = spec;
  const guest: SimulatedGuest = {
    ...describe(spec),
    incarnation,
    power: 'running',
    awaitsBoot: false,
    boots: before?.boots ?? 0,
    log: before?.log,
  };
  const events: GuestEvent[] = [
    { type: 'guest.started', id, detail: 'restored' },
    { type: 'guest.resumed', id, detail: 'from-snapshot' },
  ];
  return { guest, events };
}

function describe(
  spec: GuestSpec,
): Omit<SimulatedGuest, 'incarnation' | 'power' | 'awaitsBoot' | 'boots' | 'log'> {
  const { id, name, mark, vcpus, memoryMiB } = spec;
  const [mac, ...others] = spec.interfaces.map((one) => one.mac);
  const agent = spec.hasAgentChannel === true ? { hasAgent: true as const } : {};
  const shared = { id, name, mark, vcpus, memoryMiB, mac, ...agent };
  return others.length === 0 ? shared : { ...shared, otherMacs: others };
}

export function macsOf({ mac, otherMacs = [] }: SimulatedGuest): readonly string[] {
  return mac === undefined ? otherMacs : [mac, ...otherMacs];
}

export function withMacs(guest: SimulatedGuest, macs: readonly string[]): SimulatedGuest {
  const { otherMacs: _, ...rest } = guest;
  const [mac, ...others] = macs;
  return others.length === 0 ? { ...rest, mac } : { ...rest, mac, otherMacs: others };
}

/** What a system that is not set up for it does: it says so, and goes on. No lifecycle event tells of it. */
export function interruptGuest(guest: SimulatedGuest, bootText: string): GuestStep {
  if (guest.power !== 'running') return { guest, events: [] };
  return { guest: writeConsole(guest, bootText, NMI_TEXT), events: [] };
}

/** Pausing a paused guest changes and says nothing; so does resuming a running one. */
export function pauseGuest(guest: SimulatedGuest): GuestStep {
  if (guest.power !== 'running') return { guest, events: [] };
  const event: GuestEvent = { type: 'guest.paused', id: guest.id, detail: 'paused' };
  return { guest: { ...guest, power: 'paused' }, events: [event] };
}

export function resumeGuest(guest: SimulatedGuest): GuestStep {
  if (guest.power !== 'paused') return { guest, events: [] };
  const boots = guest.awaitsBoot ? guest.boots + 1 : guest.boots;
  const { migration: _, ...rest } = guest;
  return {
    guest: { ...rest, power: 'running', awaitsBoot: false, boots },
    events: [{ type: 'guest.resumed', id: guest.id, detail: 'unpaused' }],
  };
}

/** Reset button and ACPI reboot alike: the same domain boots again, and no lifecycle event tells of it. */
export function rebootGuest(guest: SimulatedGuest, bootText: string): GuestStep {
  const log = guest.log === undefined ? undefined : guest.log + bootText;
  return { guest: { ...guest, boots: guest.boots + 1, log, awaitsBoot: false }, events: [] };
}

export function stopGuest(
  guest: SimulatedGuest,
  detail: Extract<GuestEvent, { type: 'guest.stopped' }>['detail'],
): GuestStep {
  const { migration: _, ...rest } = guest;
  return {
    guest: { ...rest, power: 'off' },
    events: [{ type: 'guest.stopped', id: guest.id, detail }],
  };
}

/** libvirt pauses a running guest before it writes its memory. */
export function saveGuest(guest: SimulatedGuest): GuestStep {
  const stopped = stopGuest(guest, 'saved');
  return { guest: stopped.guest, events: [...pauseGuest(guest).events, ...stopped.events] };
}

/** What a save that could not be written tells: paused, and gone on. */
export function failedSave(guest: SimulatedGuest): GuestStep {
  const paused = pauseGuest(guest);
  if (paused.events.length === 0) return paused;
  return { guest, events: [...paused.events, ...resumeGuest(paused.guest).events] };
}

/** What goes to the other host with the memory. */
export type CopiedGuest = Pick<SimulatedGuest, 'boots' | 'log' | 'awaitsBoot'>;

/** On the destination, before anything has come. */
export function awaitGuest(spec: GuestSpec, incarnation: number): GuestStep {
  const guest: SimulatedGuest = {
    ...describe(spec),
    incarnation,
    power: 'paused',
    migration: 'incoming',
    awaitsBoot: false,
    boots: 0,
    log: undefined,
  };
  return { guest, events: [{ type: 'guest.started', id: spec.id, detail: 'migrated' }] };
}

/** All is copied. A guest that was paused before stays so, and says nothing. */
export function handOver(guest: SimulatedGuest): GuestStep {
  if (guest.power !== 'running') return { guest, events: [] };
  return {
    guest: { ...guest, power: 'paused', migration: 'outgoing' },
    events: [{ type: 'guest.paused', id: guest.id, detail: 'migrated' }],
  };
}

export function takeOver(guest: SimulatedGuest, copied: CopiedGuest, isPaused: boolean): GuestStep {
  const { migration: _, ...rest } = guest;
  const event: GuestEvent = isPaused
    ? { type: 'guest.paused', id: guest.id, detail: 'paused' }
    : { type: 'guest.resumed', id: guest.id, detail: 'migrated' };
  return { guest: { ...rest, ...copied, power: isPaused ? 'paused' : 'running' }, events: [event] };
}

/** The migration was given up. */
export function keepGuest(kept: SimulatedGuest, mark: GuestMark | undefined): GuestStep {
  const guest = mark === undefined ? kept : { ...kept, mark };
  if (guest.migration !== 'outgoing') return { guest, events: [] };
  const { migration: _, ...rest } = guest;
  return {
    guest: { ...rest, power: 'running' },
    events: [
      {
        type: 'guest.resumed',
        id: guest.id,
        detail: mark === undefined ? 'migrated' : 'unpaused',
      },
    ],
  };
}

/** Undefined when there is no domain. */
export function toGuestState(guest: SimulatedGuest): GuestState | undefined {
  if (guest.power === 'off') return undefined;
  const { id, name, power, mark, migration } = guest;
  return { id, name, power, mark, ...(migration === undefined ? {} : { isInMigration: true }) };
}
