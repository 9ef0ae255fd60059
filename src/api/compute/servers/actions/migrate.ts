// `migrate`: to another host while the guest is down; from 2.56 an administrator may say which.
import { demand } from '../../policy.ts';
import type { ComputeAction } from '../../route.ts';
import { checkDestination, checkHost, confirmWindow } from '../move-checks.ts';
import { operateWith } from '../operate.ts';

const migrateBody = {
  type: 'object',
  properties: {
    migrate: {
      type: ['object', 'null'],
      properties: { host: { type: ['string', 'null'], minLength: 1, maxLength: 255 } },
      additionalProperties: false,
    },
  },
  required: ['migrate'],
  additionalProperties: false,
} as const;

export const migrateAction: ComputeAction = {
  name: 'migrate',
  policy: 'os-migrate-server:migrate',
  body: [{ since: 56, schema: migrateBody }],
  success: 202,
  handler: async (call) => {
    const body = call.body as { readonly migrate: { readonly host?: string | null } | null };
    const host = (call.from(56) ? body.migrate?.host : undefined) ?? undefined;
    if (host !== undefined) {
      demand(call, 'os-migrate-server:migrate:host');
      checkHost(call, host);
    }
    await checkDestination(call, { action: 'migrate', flavor: undefined, host, sameHost: false });
    const parameters = { ...(host === undefined ? {} : { host }), ...confirmWindow(call) };
    await operateWith(call, 'migrate', parameters);
  },
};
