// `suspend`: saves the guest's memory to disk and stops it.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

export const suspendAction: ComputeAction = {
  name: 'suspend',
  policy: 'os-suspend-server:suspend',
  success: 202,
  handler: (call) => operate(call, 'suspend'),
};
