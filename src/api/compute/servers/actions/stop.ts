// `os-stop`: powers an active server off, gently first.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const stopAction: ComputeAction = {
  name: 'os-stop',
  policy: { rule: 'servers:stop', persona: 'member' },
  success: 202,
  handler: (call) => operate(call, 'stop'),
};
