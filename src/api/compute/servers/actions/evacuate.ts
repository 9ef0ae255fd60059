// `evacuate`: from a host that is dead to another one. Nova believes that a service that does not answer is dead; here an
// administrator must have said so (forced_down), since guests of a silent host may still run.
import { badRequest, notFound } from '../../envelope.ts';
import type { ComputeAction, ComputeCall, SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { operateWith } from '../operate.ts';

const host: JsonSchema = { type: ['string', 'null'], minLength: 1, maxLength: 255 };
const adminPass: JsonSchema = { type: 'string' };
const flag: JsonSchema = {
  type: ['boolean', 'string'],
  enum: [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', false].concat([
    'False',
    'FALSE',
    'false',
    '0',
    'OFF',
    'Off',
    'off',
    'NO',
    'No',
    'no',
  ] as never),
};

function body(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema {
  const evacuate = { type: 'object', properties, required, additionalProperties: false };
  return {
    type: 'object',
    properties: { evacuate },
    required: ['evacuate'],
    additionalProperties: false,
  } as JsonSchema;
}

const bodies: readonly SchemaRange[] = [
  { until: 13, schema: body({ host, onSharedStorage: flag, adminPass }, ['onSharedStorage']) },
  { since: 14, until: 28, schema: body({ host, adminPass }) },
  { since: 29, until: 67, schema: body({ host, force: flag, adminPass }) },
  { since: 68, schema: body({ host, adminPass }) },
];

interface Wanted {
  readonly host?: string | null;
  readonly force?: boolean | string;
  readonly onSharedStorage?: boolean | string;
  readonly adminPass?: string;
}

export const evacuateAction: ComputeAction = {
  name: 'evacuate',
  policy: 'os-evacuate',
  body: bodies,
  success: 200,
  handler: async (call) => {
    const wanted = (call.body as { readonly evacuate: Wanted }).evacuate;
    const target = wanted.host ?? undefined;
    if (isTrue(wanted.force) && target === undefined)
      throw badRequest("Can't force to a non-provided destination");
    if (isTrue(wanted.onSharedStorage) && wanted.adminPass !== undefined)
      throw badRequest("admin password can't be changed on existing disk");
    checkTarget(call, target);
    checkFenced(call);
    await operateWith(call, 'evacuate', {
      ...(target === undefined ? {} : { host: target }),
      ...(call.from(95) ? { staysDown: true } : {}),
    });
    if (call.from(14)) return undefined;
    return isTrue(wanted.onSharedStorage) ? {} : { adminPass: wanted.adminPass ?? password(call) };
  },
};

function isTrue(value: unknown): boolean {
  return value === true || /^(true|1|on|yes)$/i.test(String(value));
}

function password({ context }: ComputeCall): string {
  return Buffer.from(context.env.random.bytes(9)).toString('base64url');
}

function checkTarget({ context, server }: ComputeCall, target: string | undefined): void {
  if (target === undefined) return;
  if (context.hosts.get(target)?.registered !== true)
    throw notFound(`Compute host ${target} not found.`);
  if (server.grant?.host === target) throw badRequest("The target host can't be the same one.");
}

/** Says which proof is missing. */
function checkFenced({ context, server }: ComputeCall): void {
  const source = server.grant?.host;
  if (source === undefined || context.hosts.get(source)?.forcedDown === true) return;
  const inUse = `Compute service of ${source} is still in use.`;
  if (context.nodes.isUp(source)) throw badRequest(inUse);
  throw badRequest(
    `${inUse} It does not answer, which is no proof that its guests do not run: fence the host, then force its ` +
      'compute service down (forced_down) to say so.',
  );
}
