// `addFixedIp` and `removeFixedIp`, until 2.43: an address more on the server's port on a network, or one less. Answered
// when it is done.
import { badRequest, ComputeFault, notFound } from '../../envelope.ts';
import { ipAddress } from '../../parameter-types.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { operateToEnd } from '../interfaces/await-operation.ts';
import { inTurn } from '../interfaces/change.ts';

function body(name: string, properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const inner = {
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  };
  return {
    type: 'object',
    properties: { [name]: inner },
    required: [name],
    additionalProperties: false,
  } as JsonSchema;
}

const networkId: JsonSchema = { type: ['string', 'number'], pattern: '^[a-zA-Z0-9_-]+$' };

export const fixedIpActions: readonly ComputeAction[] = [
  {
    name: 'addFixedIp',
    until: 43,
    policy: 'os-multinic:add',
    body: [{ schema: body('addFixedIp', { networkId }) }],
    success: 202,
    handler: add,
  },
  {
    name: 'removeFixedIp',
    until: 43,
    policy: 'os-multinic:remove',
    body: [{ schema: body('removeFixedIp', { address: ipAddress }) }],
    success: 202,
    handler: remove,
  },
];

async function add(call: ComputeCall): Promise<void> {
  const asked = call.body as { readonly addFixedIp: { readonly networkId: string | number } };
  const wanted = String(asked.addFixedIp.networkId);
  await inTurn(call, 'addFixedIp', async (server) => {
    const port = server.ports.find((one) => one.networkId === wanted);
    const subnetId = call.context.networks.findNetwork(wanted)?.subnetIds[0];
    if (port === undefined || subnetId === undefined)
      throw notFound(`Network could not be found for instance ${server.id}.`);
    await change(call, 'addFixedIp', { portId: port.portId, networkId: wanted, add: subnetId });
  });
}

async function remove(call: ComputeCall): Promise<void> {
  const asked = call.body as { readonly removeFixedIp: { readonly address: string } };
  const { address } = asked.removeFixedIp;
  await inTurn(call, 'removeFixedIp', async (server) => {
    const port = server.ports.find(({ fixedIps }) =>
      fixedIps.some((one) => one.address === address),
    );
    if (port === undefined)
      throw badRequest(`Instance ${server.id} doesn't have fixed IP '${address}'.`);
    const { portId, networkId: of } = port;
    await change(call, 'removeFixedIp', { portId, networkId: of, remove: address });
  });
}

async function change(
  call: ComputeCall,
  action: string,
  addresses: {
    readonly portId: string;
    readonly networkId: string;
    readonly add?: string;
    readonly remove?: string;
  },
): Promise<void> {
  const failure = await operateToEnd(call, 'change-addresses', {
    action,
    parameters: { addresses },
  });
  if (failure !== undefined) throw new ComputeFault(failure.code, failure.message);
}
