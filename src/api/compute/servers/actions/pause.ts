// `pause`: freezes the guest in memory.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const pauseAction: ComputeAction = {
  name: 'pause',
  policy: 'os-pause-server:pause',
  success: 202,
  handler: (call) => operate(call, 'pause'),
};
