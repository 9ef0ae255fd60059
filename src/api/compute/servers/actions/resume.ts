// `resume`: brings a suspended guest back from disk.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const resumeAction: ComputeAction = {
  name: 'resume',
  policy: 'os-suspend-server:resume',
  success: 202,
  handler: (call) => operate(call, 'resume'),
};
