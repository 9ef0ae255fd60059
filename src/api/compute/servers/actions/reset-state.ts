// `os-resetState`: an administrator says what state a server is in. `injectNetworkInfo`: its guest's network is told to it
// anew; nothing has to be done for that on these hosts, where guests ask by DHCP and metadata.
import type { ComputeAction } from '../../route.ts';
import { askServer } from '../operate.ts';

const resetBody = {
  type: 'object',
  properties: {
    'os-resetState': {
      type: 'object',
      properties: { state: { type: 'string', enum: ['active', 'error'] } },
      required: ['state'],
      additionalProperties: false,
    },
  },
  required: ['os-resetState'],
  additionalProperties: false,
} as const;

export const resetStateAction: ComputeAction = {
  name: 'os-resetState',
  policy: 'os-admin-actions:reset_state',
  body: [{ schema: resetBody }],
  success: 202,
  handler: async (call) => {
    const body = call.body as { readonly 'os-resetState': { readonly state: 'active' | 'error' } };
    const { state: vmState } = body['os-resetState'];
    await askServer(call, 'os-resetState', { type: 'instance.reset-state', vmState });
  },
};

export const injectNetworkInfoAction: ComputeAction = {
  name: 'injectNetworkInfo',
  policy: 'os-admin-actions:inject_network_info',
  success: 202,
  handler: () => undefined,
};
