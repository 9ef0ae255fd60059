// The calls about servers, one row each; what a row does stands in the file it names.
import type { ComputeRoute } from '../route.ts';

export const serverRoutes: readonly ComputeRoute[] = [];
