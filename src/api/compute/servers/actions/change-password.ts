// `changePassword`: needs an agent inside the guest, and hosts have no channel to one yet. What may not be asked is refused
// first, as ever; then the refusal is the one that Nova gives for such a guest.
import { ComputeFault, conflict } from '../../envelope.ts';
import { isTrue } from '../../parameter-types.ts';
import type { ComputeAction } from '../../route.ts';

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

export const changePasswordAction: ComputeAction = {
  name: 'changePassword',
  policy: 'os-admin-password',
  body: [{ schema: passwordBody }],
  success: 202,
  handler: ({ server, caller }) => {
    const { id, vmState, taskState, locked, request } = server;
    if (locked && !caller.isAdmin) throw conflict(`Instance ${id} is locked`);
    const met =
      vmState === 'active'
        ? taskState === undefined
          ? undefined
          : `task_state ${taskState}`
        : `vm_state ${vmState}`;
    if (met !== undefined)
      throw conflict(`Cannot 'changePassword' instance ${id} while it is in ${met}`);
    if (isTrue(request?.image?.properties['hw_qemu_guest_agent']))
      throw new ComputeFault(501, 'Unable to set password on instance');
    throw conflict('QEMU guest agent is not enabled');
  },
};
