// What the compute service's refusals mean in HTTP.
import type { ErrorTable } from './entry.ts';

export const computeErrors = {} as const satisfies ErrorTable;
