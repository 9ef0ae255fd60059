// /os-volumes_boot, until 2.102: another name for /servers, from the time when booting from a volume was an extension.
// Made from the servers' own rows; of the actions only those that the servers' resource itself has.
import { type ComputeAction, type ComputeRoute } from '../route.ts';

const LAST = 102;
const names = [
  'confirmResize',
  'revertResize',
  'reboot',
  'resize',
  'rebuild',
  'createImage',
  'os-start',
  'os-stop',
  'trigger_crash_dump',
];
const paths: Readonly<Record<string, string>> = {
  '/servers': '/os-volumes_boot',
  '/servers/detail': '/os-volumes_boot/detail',
  '/servers/:server_id': '/os-volumes_boot/:server_id',
  '/servers/:server_id/action': '/os-volumes_boot/:server_id/action',
};

export function volumesBootRoutes(servers: readonly ComputeRoute[]): readonly ComputeRoute[] {
  return servers.flatMap((row) => {
    const path = paths[row.path];
    if (path === undefined) return [];
    const actions = row.actions?.filter(({ name }) => names.includes(name)).map(ended);
    return [{ ...ended(row), path, ...(actions === undefined ? {} : { actions }) }];
  });
}

function ended<T extends ComputeRoute | ComputeAction>(row: T): T {
  return { ...row, until: Math.min(row.until ?? LAST, LAST) };
}
