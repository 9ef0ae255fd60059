// What the identity service's refusals mean in HTTP.
import type { ErrorTable } from './entry.ts';

export const identityErrors = {} as const satisfies ErrorTable;
