// `forceDelete`: deletes at once, also a server that is soft-deleted, or would be.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const forceDeleteAction: ComputeAction = {
  name: 'forceDelete',
  policy: 'os-deferred-delete:force',
  success: 202,
  handler: (call) => operate(call, 'delete', { action: 'forceDelete' }),
};
