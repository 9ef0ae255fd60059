// Actions that Nova once had and answers with 410 in every version.
import type { ComputeAction } from '../../route.ts';

export const goneActions: readonly ComputeAction[] = [
  { name: 'resetNetwork', gone: true },
  { name: 'os-getRDPConsole', gone: true },
];
