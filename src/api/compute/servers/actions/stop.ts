// `os-stop`: powers an active server off, gently first.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const stopAction: ComputeAction = {
  name: 'os-stop',
  policy: 'servers:stop',
  success: 202,
  handler: (call) => operate(call, 'stop'),
};
