// /servers/{id}/migrations: live migrations of one server that are under way.
import { migrationNumber, type MigrationRecord } from '#actors/instance/migrations.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { notFound, refusalFault } from '../envelope.ts';
import { askServer } from '../servers/operate.ts';
import { allows } from '../policy.ts';
import type { ComputeCall, ComputeRoute } from '../route.ts';
import { liveInProgress, serverMigrationView } from '../servers/views/migration.ts';

const PATH = '/servers/:server_id/migrations';

const forceBody = {
  type: 'object',
  properties: { force_complete: { type: 'null' } },
  required: ['force_complete'],
  additionalProperties: false,
} as const;

export const serverMigrationRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: PATH,
    since: 23,
    target: 'server',
    policy: 'servers:migrations:index',
    handler: (call) => ({
      migrations: call.server.migrations.filter(isUnderWay).map((record) => view(call, record)),
    }),
  },
  {
    method: 'GET',
    path: `${PATH}/:migration_id`,
    since: 23,
    target: 'server',
    policy: 'servers:migrations:show',
    handler: (call) => ({ migration: view(call, findLive(call)) }),
  },
  {
    method: 'DELETE',
    path: `${PATH}/:migration_id`,
    since: 24,
    target: 'server',
    policy: 'servers:migrations:delete',
    success: 202,
    handler: async (call) => {
      const record = findMigration(call);
      // One that waits can be given up from 2.65 on.
      const states = call.from(65) ? ['queued', 'accepted', 'preparing', 'running'] : ['running'];
      if (!states.includes(record.status)) throw wrongState(call, record, 'abort');
      await askServer(call, 'abort', { type: 'instance.abort-migration', migrationId: record.id });
    },
  },
  {
    method: 'POST',
    path: `${PATH}/:migration_id/action`,
    since: 22,
    target: 'server',
    actions: [
      {
        name: 'force_complete',
        policy: 'servers:migrations:force_complete',
        body: [{ schema: forceBody }],
        success: 202,
        handler: async (call) => {
          const record = findMigration(call);
          if (record.status !== 'running') throw wrongState(call, record, 'force_complete');
          await askServer(call, 'force_complete', {
            type: 'instance.force-migration',
            migrationId: record.id,
          });
        },
      },
    ],
  },
];

function wrongState(call: ComputeCall, { id, status }: MigrationRecord, action: string): Error {
  const about = { id: call.server.id, migration: id, state: status, action };
  return refusalFault(refuse('migration-wrong-state', about));
}

function isUnderWay({ type, status }: MigrationRecord): boolean {
  return type === 'live-migration' && liveInProgress.includes(status);
}

/** By its number or its UUID. Throws Nova's 404s. */
export function findMigration(call: ComputeCall): MigrationRecord {
  const { server } = call;
  const id = call.params['migration_id'] ?? '';
  const record = server.migrations.find(
    (one) => String(migrationNumber(one.id)) === id || one.id === id,
  );
  if (record === undefined)
    throw notFound(`In-progress live migration ${id} is not found for server ${server.id}.`);
  return record;
}

function findLive(call: ComputeCall): MigrationRecord {
  const record = findMigration(call);
  const id = call.params['migration_id'] ?? '';
  const { id: serverId } = call.server;
  if (record.type !== 'live-migration')
    throw notFound(`Migration ${id} for server ${serverId} is not live-migration.`);
  if (!isUnderWay(record))
    throw notFound(`Live migration ${id} for server ${serverId} is not in progress.`);
  return record;
}

function view(call: ComputeCall, record: MigrationRecord): unknown {
  return serverMigrationView(
    { server: call.server, record },
    {
      microversion: call.microversion,
      showsHosts: allows(call, 'servers:migrations:index:host'),
      addressOf: (host) => call.context.hosts.get(host)?.hypervisor?.hostIp,
    },
    record.progress,
  );
}
