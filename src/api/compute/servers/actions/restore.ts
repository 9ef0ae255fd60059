// `restore`: takes a soft deletion back.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const restoreAction: ComputeAction = {
  name: 'restore',
  policy: 'os-deferred-delete:restore',
  success: 202,
  handler: (call) => operate(call, 'restore'),
};
