// `resume`: brings a suspended guest back from disk.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const resumeAction: ComputeAction = {
  name: 'resume',
  policy: { rule: 'os-suspend-server:resume', persona: 'member' },
  success: 202,
  handler: (call) => operate(call, 'resume'),
};
