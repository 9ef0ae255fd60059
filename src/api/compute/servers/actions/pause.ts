// `pause`: freezes the guest in memory.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const pauseAction: ComputeAction = {
  name: 'pause',
  policy: { rule: 'os-pause-server:pause', persona: 'member' },
  success: 202,
  handler: (call) => operate(call, 'pause'),
};
