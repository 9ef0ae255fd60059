// `os-migrateLive`: to another host while the guest goes on running. Since 2.30 a host that is named is looked at like any other,
// and `force` says no more than that it need not be: resources are always claimed here.
import { badRequest } from '../../envelope.ts';
import { demand } from '../../policy.ts';
import type { ComputeAction, SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { checkDestination, checkHost } from '../move-checks.ts';
import { operateWith } from '../operate.ts';

const truths = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'];
const lies = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'];
const host: JsonSchema = { type: ['string', 'null'], minLength: 1, maxLength: 255 };
const flag = { type: ['boolean', 'string'], enum: [...truths, ...lies] } as unknown as JsonSchema;
const flagOrAuto = { ...flag, enum: [...truths, ...lies, 'auto'] } as unknown as JsonSchema;

function body(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const required = Object.keys(properties).filter((name) => name !== 'force');
  return {
    type: 'object',
    properties: {
      'os-migrateLive': { type: 'object', properties, required, additionalProperties: false },
    },
    required: ['os-migrateLive'],
    additionalProperties: false,
  };
}

const bodies: readonly SchemaRange[] = [
  { until: 24, schema: body({ host, block_migration: flag, disk_over_commit: flag }) },
  { since: 25, until: 29, schema: body({ host, block_migration: flagOrAuto }) },
  { since: 30, until: 67, schema: body({ host, block_migration: flagOrAuto, force: flag }) },
  { since: 68, schema: body({ host, block_migration: flagOrAuto }) },
];

interface Wanted {
  readonly host: string | null;
  readonly block_migration: boolean | string;
  readonly force?: boolean | string;
}

export const migrateLiveAction: ComputeAction = {
  name: 'os-migrateLive',
  policy: 'os-migrate-server:migrate_live',
  body: bodies,
  success: 202,
  handler: async (call) => {
    const wanted = (call.body as { readonly 'os-migrateLive': Wanted })['os-migrateLive'];
    const target = wanted.host ?? undefined;
    if (call.from(30) && isTrue(wanted.force) && target === undefined)
      throw badRequest("Can't force to a non-provided destination");
    if (target !== undefined) {
      demand(call, 'os-migrate-server:migrate_live:host');
      if (call.server.grant?.host === target)
        throw badRequest(
          `Unable to migrate instance (${call.server.id}) to current host (${target}).`,
        );
      checkHost(call, target);
    }
    const about = { action: 'live-migrate', flavor: undefined, sameHost: false } as const;
    await checkDestination(call, { ...about, host: target });
    const isAuto = wanted.block_migration === 'auto';
    await operateWith(
      call,
      'live-migrate',
      {
        ...(target === undefined ? {} : { host: target }),
        ...(isAuto ? {} : { blockMigration: isTrue(wanted.block_migration) }),
      },
      'os-migrateLive',
    );
  },
};

function isTrue(value: boolean | string | undefined): boolean {
  return value !== undefined && truths.includes(value);
}
