// Moves as /os-migrations and /servers/{id}/migrations show them. Pure. Who may not see hosts gets null for them.
import type { InstanceState } from '#actors/instance/state.ts';
import { migrationNumber, type MigrationRecord } from '#actors/instance/migrations.ts';
import { isoMicroseconds } from './times.ts';

export interface MigrationOf {
  readonly server: InstanceState;
  readonly record: MigrationRecord;
}

export interface MigrationViewOptions {
  readonly microversion: number;
  readonly showsHosts: boolean;
  /** Address of a host, as its hypervisor tells it. */
  readonly addressOf: (host: string) => string | undefined;
}

type View = Readonly<Record<string, unknown>>;

/** Live migrations with one of these are under way. */
export const liveInProgress: readonly string[] = [
  'queued',
  'preparing',
  'running',
  'post-migrating',
];

function shared({ record }: MigrationOf, options: MigrationViewOptions): View {
  const { source, destination } = options.showsHosts ? record : noPlaces;
  return {
    created_at: isoMicroseconds(record.createdAtMs),
    dest_compute: destination?.host ?? null,
    dest_host:
      (destination === undefined ? undefined : options.addressOf(destination.host)) ?? null,
    dest_node: destination?.node ?? null,
    id: migrationNumber(record.id),
    source_compute: source?.host ?? null,
    source_node: source?.node ?? null,
    status: record.status,
    updated_at: isoMicroseconds(record.updatedAtMs),
    ...(options.microversion >= 59 ? { uuid: record.id } : {}),
    ...(options.microversion >= 80 ? { user_id: record.userId, project_id: record.projectId } : {}),
  };
}

const noPlaces = { source: undefined, destination: undefined };

/** A row of /os-migrations. Links are those of a live migration under way. */
export function migrationView(
  of: MigrationOf,
  options: MigrationViewOptions & { readonly links: readonly View[] },
): View {
  const { record, server } = of;
  const isLive = record.type === 'live-migration' && liveInProgress.includes(record.status);
  return {
    ...shared(of, options),
    instance_uuid: server.id,
    old_instance_type_id: flavorNumber(record.oldFlavorId),
    new_instance_type_id: flavorNumber(record.newFlavorId),
    ...(options.microversion >= 23 ? { migration_type: record.type } : {}),
    ...(options.microversion >= 23 && isLive ? { links: options.links } : {}),
  };
}

export interface Progress {
  readonly memoryTotalBytes: number;
  readonly memoryProcessedBytes: number;
  readonly memoryRemainingBytes: number;
  readonly diskTotalBytes: number;
  readonly diskProcessedBytes: number;
  readonly diskRemainingBytes: number;
}

/** Of a live migration under way; what nobody has told yet is null. */
export function serverMigrationView(
  of: MigrationOf,
  options: MigrationViewOptions,
  progress?: Progress,
): View {
  return {
    ...shared(of, options),
    server_uuid: of.server.id,
    memory_total_bytes: progress?.memoryTotalBytes ?? null,
    memory_processed_bytes: progress?.memoryProcessedBytes ?? null,
    memory_remaining_bytes: progress?.memoryRemainingBytes ?? null,
    disk_total_bytes: progress?.diskTotalBytes ?? null,
    disk_processed_bytes: progress?.diskProcessedBytes ?? null,
    disk_remaining_bytes: progress?.diskRemainingBytes ?? null,
  };
}

/** Nova shows its own integers for flavors; ours have none but their ids. */
function flavorNumber(flavorId: string): number {
  return /^\d{1,9}$/.test(flavorId) ? Number(flavorId) : migrationNumber(flavorId);
}
