// `addSecurityGroup` and `removeSecurityGroup`: on every port of the server, at once.
import { badRequest, conflict, notFound, refusalFault } from '../../envelope.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';

type Change = 'add' | 'remove';

const names = { add: 'addSecurityGroup', remove: 'removeSecurityGroup' } as const;

export const securityGroupActions: readonly ComputeAction[] = [action('add'), action('remove')];

function action(how: Change): ComputeAction {
  const name = names[how];
  return {
    name,
    policy: `os-security-groups:${how}`,
    body: [
      {
        schema: {
          type: 'object',
          properties: {
            [name]: {
              type: 'object',
              properties: { name: { type: 'string', minLength: 1, maxLength: 255 } },
              required: ['name'],
              additionalProperties: false,
            },
          },
          required: [name],
          additionalProperties: false,
        },
      },
    ],
    success: 202,
    handler: (call) => change(call, how),
  };
}

async function change(call: ComputeCall, how: Change): Promise<void> {
  const { context, caller, server, requestId } = call;
  const body = call.body as Readonly<Record<string, { readonly name: string }>>;
  const asked = body[names[how]]?.name ?? '';
  const service = context.securityGroups;
  if (service === undefined) throw badRequest('This cloud has no security groups.');
  const [group, ...more] = service.named(caller.projectId ?? '', asked);
  if (group === undefined)
    throw notFound(`Unable to find security_group with name or id '${asked}'`);
  if (more.length > 0)
    throw conflict(
      `Multiple security_group matches found for name '${asked}', use an ID to be more specific.`,
    );
  const refusal = await service.change({ serverId: server.id, groupId: group.id, how, requestId });
  if (refusal !== undefined) throw refusalFault(refusal);
}
