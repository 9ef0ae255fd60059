// /os-availability-zone: which zones servers can ask for; administrators see the hosts in them too.
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { momentOf } from '../moments.ts';
import { INTERNAL_ZONE, type ServiceRow, serviceRows } from './service-rows.ts';

export const availabilityZoneRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-availability-zone',
    policy: 'os-availability-zone:list',
    handler: async (call) => {
      const zones = (await zonesOf(call)).filter(({ name }) => name !== INTERNAL_ZONE);
      return { availabilityZoneInfo: zones.map((zone) => view(zone, null)) };
    },
  },
  {
    method: 'GET',
    path: '/os-availability-zone/detail',
    policy: 'os-availability-zone:detail',
    handler: async (call) => ({
      availabilityZoneInfo: (await zonesOf(call)).map((zone) =>
        view(zone, zone.enabled.length === 0 ? null : hostsOf(zone.enabled)),
      ),
    }),
  },
];

interface Zone {
  readonly name: string;
  /** Its services that take part; a zone without any is not available. */
  readonly enabled: readonly ServiceRow[];
}

async function zonesOf(call: ComputeCall): Promise<readonly Zone[]> {
  await call.context.views.barrier();
  const rows = serviceRows(call.context);
  const names = [...new Set(rows.map((row) => row.zone))];
  const zones = names.map((name) => ({
    name,
    enabled: rows.filter((row) => row.zone === name && row.enabled),
  }));
  return zones.sort((one, other) => Number(isEmpty(one)) - Number(isEmpty(other)));
}

function isEmpty(zone: Zone): boolean {
  return zone.enabled.length === 0;
}

function view(zone: Zone, hosts: object | null): object {
  return { zoneName: zone.name, zoneState: { available: !isEmpty(zone) }, hosts };
}

function hostsOf(rows: readonly ServiceRow[]): Record<string, Record<string, object>> {
  const hosts: Record<string, Record<string, object>> = {};
  for (const row of rows)
    hosts[row.host] = {
      ...hosts[row.host],
      [row.binary]: { active: true, available: row.isUp, updated_at: momentOf(row.updatedAtMs) },
    };
  return hosts;
}
