// What the image service's refusals mean in HTTP.
import type { ErrorTable } from './entry.ts';

export const imageErrors = {} as const satisfies ErrorTable;
