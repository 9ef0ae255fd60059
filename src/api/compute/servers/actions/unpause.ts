// `unpause`: lets a paused guest run on.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const unpauseAction: ComputeAction = {
  name: 'unpause',
  policy: 'os-pause-server:unpause',
  success: 202,
  handler: (call) => operate(call, 'unpause'),
};
