// `os-start`: powers a stopped server on.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const startAction: ComputeAction = {
  name: 'os-start',
  policy: 'servers:start',
  success: 202,
  handler: (call) => operate(call, 'start'),
};
