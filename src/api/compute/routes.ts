// Every call of the compute service. A new resource adds its table here.
import { goneRoutes } from './gone.ts';
import type { ComputeRoute } from './route.ts';
import { resourceRoutes } from './resources/routes.ts';
import { serverRoutes } from './servers/routes.ts';

export const computeRoutes: readonly ComputeRoute[] = [
  ...serverRoutes,
  ...resourceRoutes,
  ...goneRoutes,
];
