// libvirt's lifecycle events and states in the words of the port. Pure.
//
// The orders that libvirt 9.0 with QEMU 7.2 gives, observed (event detail); test/contract/hypervisor asserts them on
// every adapter:
//   create            RESUMED unpaused, STARTED booted           (in this order: the vCPUs run before the start is told)
//   create paused     STARTED booted, SUSPENDED paused           later resume: RESUMED unpaused
//   pause, resume     SUSPENDED paused | RESUMED unpaused        none if it was so already
//   reset, reboot     nothing (a REBOOT event, which has no lifecycle meaning)
//   shutdown, power off inside   SHUTDOWN guest, STOPPED shutdown
//   destroy           [SHUTDOWN host,] STOPPED destroyed
//   qemu killed       STOPPED failed
//   save              SUSPENDED paused (unless paused), STOPPED saved
//   restore           STARTED restored, RESUMED from-snapshot
//   failed start      nothing, or STOPPED failed when QEMU had begun to run
// A STOPPED event carries the domain id -1, all others the id of the running domain.

import type { GuestEvent, GuestPower } from '../port.ts';
import type { eventMessages } from './rpc/procedures.ts';
import { uuidText } from './rpc/structures.ts';
import type { Infer } from './rpc/xdr.ts';

export type LifecycleMessage = Infer<(typeof eventMessages)['domainLifecycle']['body']>;

/** virDomainEventType. */
const lifecycle = { started: 2, suspended: 3, resumed: 4, stopped: 5, pmSuspended: 7 } as const;

/** virDomainEventStartedDetailType, and so on, by number. */
const STARTED = ['booted', 'migrated', 'restored', 'from-snapshot', 'wakeup'];
const SUSPENDED = [
  'paused',
  'migrated',
  'io-error',
  'watchdog',
  'restored',
  'from-snapshot',
  'api-error',
  'postcopy',
  'postcopy-failed',
];
const RESUMED = ['unpaused', 'migrated', 'from-snapshot', 'postcopy', 'postcopy-failed'];
const PM_SUSPENDED = ['pm-memory', 'pm-disk'];
const STOPPED = ['shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed'] as const;

/** Undefined for what the port does not tell (definitions, and a shutdown that has only begun). */
export function guestEventOf(message: LifecycleMessage): GuestEvent | undefined {
  const id = uuidText(message.dom.uuid);
  const detail = (names: readonly string[]): string => names[message.detail] ?? 'other';
  switch (message.event) {
    case lifecycle.started:
      return { type: 'guest.started', id, detail: detail(STARTED) };
    case lifecycle.suspended:
      return { type: 'guest.paused', id, detail: detail(SUSPENDED) };
    case lifecycle.pmSuspended:
      return { type: 'guest.paused', id, detail: detail(PM_SUSPENDED) };
    case lifecycle.resumed:
      return { type: 'guest.resumed', id, detail: detail(RESUMED) };
    case lifecycle.stopped:
      return { type: 'guest.stopped', id, detail: STOPPED[message.detail] ?? 'other' };
    default:
      return undefined;
  }
}

/** virDomainState by number: a blocked guest runs, a guest asleep (pmsuspended) counts as paused. */
const POWER: readonly GuestPower[] = [
  'nostate',
  'running',
  'running',
  'paused',
  'shutdown',
  'shutdown',
  'crashed',
  'paused',
];

const PAUSED = 3;
/** virDomainPausedReason. */
const PAUSED_FOR_MIGRATION = 2;

export function isInMigration(state: number, reason: number): boolean {
  return state === PAUSED && reason === PAUSED_FOR_MIGRATION;
}

export function guestPowerOf(state: number): GuestPower {
  return POWER[state] ?? 'nostate';
}
