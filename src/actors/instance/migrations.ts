// The records of a server's moves, as /os-migrations and /servers/{id}/migrations tell them: one per move, named by the
// operation that began it. They tell what happened and decide nothing; where a guest may run is the grant's matter. Pure
// and bounded.
import type { CopyProgress } from './live/handover.ts';
import type { OperationTable, Step } from './operations/table.ts';

export const migrationTypes = ['migration', 'resize', 'live-migration', 'evacuation'] as const;
export type MigrationType = (typeof migrationTypes)[number];

export interface MigrationPlace {
  readonly host: string;
  /** The hypervisor's hostname. */
  readonly node: string;
}

export interface MigrationRecord {
  /** The id of the operation that began it (a UUID where the API made it). */
  readonly id: string;
  readonly type: MigrationType;
  /** Nova's words: `pre-migrating`, `finished`, `confirmed`, `error`, … */
  readonly status: string;
  readonly source: MigrationPlace | undefined;
  readonly destination: MigrationPlace | undefined;
  readonly oldFlavorId: string;
  readonly newFlavorId: string;
  /** How far a live migration's copy was when it was last looked at. */
  readonly progress?: CopyProgress;
  /** Who asked. */
  readonly userId: string;
  readonly projectId: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Older ones are forgotten; the journal still has them. */
export const MAX_MIGRATIONS = 50;

export function addMigration(
  migrations: readonly MigrationRecord[],
  record: MigrationRecord,
): readonly MigrationRecord[] {
  return [...migrations.slice(1 - MAX_MIGRATIONS), record];
}

/** With one record changed; the same list if there is no such record. */
export function changeMigration(
  migrations: readonly MigrationRecord[],
  id: string | undefined,
  changes: Partial<MigrationRecord>,
): readonly MigrationRecord[] {
  if (id === undefined || !migrations.some((one) => one.id === id)) return migrations;
  return migrations.map((one) => (one.id === id ? { ...one, ...changes } : one));
}

/** The record that an operation writes to: its own, or that of the move which it ends. */
export function migrationOf(
  table: OperationTable,
  operationId: string,
  move: { readonly migrationId: string } | undefined,
): string | undefined {
  if (table.migration === undefined) return undefined;
  return table.migration.type === undefined ? move?.migrationId : operationId;
}

export function statusAt(step: Step | undefined): { readonly status?: string } {
  return step?.migrationStatus === undefined ? {} : { status: step.migrationStatus };
}

/** Nova's integer id of a record: 31 bits of its id, the same for ever. */
export function migrationNumber(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 1) + 1;
}
