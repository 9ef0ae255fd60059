// What the network service's refusals mean in HTTP.
import type { ErrorTable } from './entry.ts';

export const networkErrors = {} as const satisfies ErrorTable;
