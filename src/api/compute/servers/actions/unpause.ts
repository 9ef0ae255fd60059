// `unpause`: lets a paused guest run on.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const unpauseAction: ComputeAction = {
  name: 'unpause',
  policy: { rule: 'os-pause-server:unpause', persona: 'member' },
  success: 202,
  handler: (call) => operate(call, 'unpause'),
};
