// What a relisting of the host means: the guests that are there against the grants that the node has accepted. Pure.
// Nothing is destroyed here without a record that names this host and this run-epoch as over; what nobody knows is
// quarantined and reported, never touched (DESIGN §5, R6).
import type { GuestState } from '#hypervisor/port.ts';
import { bucketEntries, bucketGet } from '../domain/bucket-map.ts';
import type { PowerState } from '../domain/states.ts';
import { type LedgerState, openGrant } from './ledger.ts';

export type Finding =
  /** A guest under its open grant, or an open grant with no guest. */
  | {
      readonly type: 'observed';
      readonly serverId: string;
      readonly runEpoch: number;
      readonly power: PowerState;
    }
  /** A guest whose grant is over: the record allows taking it away. */
  | { readonly type: 'superseded'; readonly serverId: string; readonly runEpoch: number }
  /** Marked as ours, but no record of it: leave it and tell. */
  | {
      readonly type: 'quarantined';
      readonly serverId: string;
      readonly name: string;
      readonly reason: string;
    };

export function reconcile(
  guests: readonly GuestState[],
  ledger: LedgerState,
  self: { readonly cluster: string; readonly host: string },
): readonly Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const guest of guests) {
    const { mark } = guest;
    if (mark === undefined || mark.cluster !== self.cluster) continue;
    seen.add(guest.id);
    // Neither end of a handover decides on it: its server's operation finishes it or gives it up.
    if (guest.isInMigration === true && openGrant(ledger, guest.id) !== mark.runEpoch) continue;
    if (isHandedOver(guest, mark, ledger)) continue;
    findings.push(findingOf(guest, mark, ledger, self.host));
  }
  for (const [serverId, entry] of bucketEntries(ledger.entries)) {
    if (entry.closedAtMs !== undefined || seen.has(serverId)) continue;
    findings.push({ type: 'observed', serverId, runEpoch: entry.runEpoch, power: 'shutdown' });
  }
  return findings;
}

/** A guest that somebody had paused is handed over as it is, and no hypervisor tells it from one that was not. */
function isHandedOver(
  { id, power }: GuestState,
  { runEpoch }: NonNullable<GuestState['mark']>,
  ledger: LedgerState,
): boolean {
  const entry = bucketGet(ledger.entries, id);
  return power === 'paused' && entry?.runEpoch === runEpoch && entry.keepsFiles === true;
}

function findingOf(
  guest: GuestState,
  mark: NonNullable<GuestState['mark']>,
  ledger: LedgerState,
  host: string,
): Finding {
  const entry = bucketGet(ledger.entries, guest.id);
  const quarantined = (reason: string): Finding => ({
    type: 'quarantined',
    serverId: guest.id,
    name: guest.name,
    reason,
  });
  if (mark.host !== host) return quarantined(`it is marked for host ${mark.host}`);
  if (entry === undefined) return quarantined('this host has no record of a grant for it');
  if (mark.runEpoch > entry.runEpoch)
    return quarantined(
      `it runs under run-epoch ${mark.runEpoch}, the newest on record is ${entry.runEpoch}`,
    );
  if (mark.runEpoch < entry.runEpoch || entry.closedAtMs !== undefined) {
    return { type: 'superseded', serverId: guest.id, runEpoch: mark.runEpoch };
  }
  return {
    type: 'observed',
    serverId: guest.id,
    runEpoch: mark.runEpoch,
    power: guest.power,
  };
}
