// `changePassword`: by the QEMU agent inside the guest, where the image says that it has one. Answered when it is done.
import { ComputeFault, conflict } from '../../envelope.ts';
import { isTrue } from '../../parameter-types.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';
import { operateToEnd } from '../interfaces/await-operation.ts';

const passwordBody = {
  type: 'object',
  properties: {
    changePassword: {
      type: 'object',
      properties: { adminPass: { type: 'string' } },
      required: ['adminPass'],
      additionalProperties: false,
    },
  },
  required: ['changePassword'],
  additionalProperties: false,
} as const;

const NOT_IMPLEMENTED = 501;

export const changePasswordAction: ComputeAction = {
  name: 'changePassword',
  policy: 'os-admin-password',
  body: [{ schema: passwordBody }],
  success: 202,
  handler: changePassword,
};

async function changePassword(call: ComputeCall): Promise<void> {
  const { id, vmState, taskState, locked, request } = call.server;
  if (locked && !call.caller.isAdmin) throw conflict(`Instance ${id} is locked`);
  const met =
    vmState === 'active'
      ? taskState === undefined
        ? undefined
        : `task_state ${taskState}`
      : `vm_state ${vmState}`;
  if (met !== undefined)
    throw conflict(`Cannot 'changePassword' instance ${id} while it is in ${met}`);
  const properties = request?.image?.properties ?? {};
  if (!isTrue(properties['hw_qemu_guest_agent'])) throw conflict('QEMU guest agent is not enabled');
  const { adminPass } = (call.body as { readonly changePassword: { readonly adminPass: string } })
    .changePassword;
  const failure = await operateToEnd(call, 'set-password', {
    action: 'changePassword',
    parameters: { password: { user: adminUser(properties), adminPass } },
  });
  if (failure === undefined) return;
  if (failure.code === NOT_IMPLEMENTED)
    throw new ComputeFault(NOT_IMPLEMENTED, 'Unable to set password on instance');
  throw conflict(`Failed to set admin password on ${id} because error setting admin password`);
}

/** Who it is set for: as the image says, or as its kind of system calls its administrator. */
function adminUser(properties: Readonly<Record<string, string>>): string {
  const named = properties['os_admin_user'];
  if (named !== undefined && named !== '') return named;
  return properties['os_type'] === 'windows' ? 'Administrator' : 'root';
}
