// `forceDelete`: deletes at once. There is no deferred deletion yet, so it does what DELETE does.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const forceDeleteAction: ComputeAction = {
  name: 'forceDelete',
  policy: { rule: 'os-deferred-delete:force', persona: 'member' },
  success: 202,
  handler: (call) => operate(call, 'delete', 'forceDelete'),
};
