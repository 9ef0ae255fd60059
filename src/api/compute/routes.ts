// Every call of the compute service. A new resource adds its table here.
import { goneRoutes } from './gone.ts';
import { openApiRoute } from './openapi.ts';
import type { ComputeRoute } from './route.ts';
import { resourceRoutes } from './resources/routes.ts';
import { versionRows } from './versions.ts';
import { serverRoutes } from './servers/routes.ts';

const rows: readonly ComputeRoute[] = [
  ...serverRoutes,
  ...resourceRoutes,
  ...versionRows,
  ...goneRoutes,
];

export const computeRoutes: readonly ComputeRoute[] = [...rows, openApiRoute(rows)];
