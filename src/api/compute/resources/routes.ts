// Every call of the resources in this folder.
import type { ComputeRoute } from '../route.ts';
import { extraSpecRoutes } from './extra-specs.ts';
import { flavorAccessRoutes } from './flavor-access.ts';
import { flavorRoutes } from './flavors.ts';
import { keypairRoutes } from './keypairs.ts';

export const resourceRoutes: readonly ComputeRoute[] = [
  ...flavorRoutes,
  ...flavorAccessRoutes,
  ...extraSpecRoutes,
  ...keypairRoutes,
];
