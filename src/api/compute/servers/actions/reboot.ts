// `reboot`: SOFT asks the guest to, HARD switches it off and on.
import type { ComputeAction } from '../../route.ts';
import { operate } from '../operate.ts';

const rebootBody = {
  type: 'object',
  properties: {
    reboot: {
      type: 'object',
      properties: {
        type: { type: 'string', enum: ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft'] },
      },
      required: ['type'],
      additionalProperties: false,
    },
  },
  required: ['reboot'],
  additionalProperties: false,
} as const;

export const rebootAction: ComputeAction = {
  name: 'reboot',
  policy: 'servers:reboot',
  body: [{ schema: rebootBody }],
  success: 202,
  handler: (call) => {
    const { reboot } = call.body as { readonly reboot: { readonly type: string } };
    const isHard = reboot.type.toUpperCase() === 'HARD';
    return operate(call, isHard ? 'reboot-hard' : 'reboot', { action: 'reboot' });
  },
};
