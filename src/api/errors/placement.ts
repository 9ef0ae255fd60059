// What the placement service's refusals mean in HTTP. Words: Placement's. `kind` is the `code` of its error envelope.
import type { ErrorTable } from './entry.ts';

export const placementErrors = {
  'provider-not-found': {
    status: 404,
    message: ({ provider }) => `No resource provider with uuid ${String(provider)} found`,
    kind: 'placement.undefined_code',
  },
  'inventory-not-found': {
    status: 404,
    message: ({ provider, resource }) =>
      `No inventory of class ${String(resource)} for ${String(provider)}`,
    kind: 'placement.undefined_code',
  },
  'resource-class-not-found': {
    status: 404,
    message: ({ name }) => `No such resource class ${String(name)}.`,
    kind: 'placement.undefined_code',
  },
  'trait-not-found': {
    status: 404,
    message: ({ name }) => `No such trait(s): ${String(name)}.`,
    kind: 'placement.undefined_code',
  },
  'placement-forbidden': {
    status: 403,
    message: ({ rule }) => `Policy does not allow ${String(rule)} to be performed.`,
    kind: 'placement.undefined_code',
  },
  'write-unsettled': {
    status: 503,
    message: ({ writeId }) =>
      `The write ${String(writeId)} is under way and will be finished; look whether it is done before you try again.`,
    kind: 'placement.undefined_code',
    headers: { 'retry-after': '5' },
  },
  'write-abandoned': {
    status: 503,
    message: ({ tries }) =>
      `A resource provider could not be asked, ${String(tries)} times; nothing was changed. Try again.`,
    kind: 'placement.undefined_code',
    headers: { 'retry-after': '5' },
  },
} as const satisfies ErrorTable;
