// What an attachment that came to nothing is to the user who waits for it: Nova's codes and words. Pure.
import type { Refusal } from '#runtime/message/refusal.ts';
import { networkFaultMessage } from './network-fault.ts';

type Detail = Readonly<Record<string, unknown>>;
interface Words {
  readonly code: number;
  readonly message: (detail: Detail, serverId: string) => string;
}

const invalidAddress: Words = {
  code: 400,
  message: ({ address, networkId }) =>
    `Invalid input received: Fixed IP ${text(address)} is not a valid ip address for network ${text(networkId)}.`,
};

const words: Readonly<Record<string, Words>> = {
  'network-not-found': {
    code: 404,
    message: ({ networkId }) => `Network ${text(networkId)} could not be found.`,
  },
  'port-not-found': {
    code: 404,
    message: ({ portId }) => `Port id ${text(portId)} could not be found.`,
  },
  'port-in-use': { code: 409, message: ({ portId }) => `Port ${text(portId)} is still in use.` },
  'no-addresses': {
    code: 400,
    message: ({ networkId }) => `No fixed IP addresses available for network: ${text(networkId)}`,
  },
  'address-in-use': {
    code: 409,
    message: ({ address }, serverId) =>
      `Fixed IP address ${text(address)} is already in use on instance ${serverId}.`,
  },
  'address-not-in-subnet': invalidAddress,
  'address-not-on-network': invalidAddress,
  'address-automatic': invalidAddress,
  'port-quota': { code: 403, message: () => 'Maximum number of ports exceeded' },
};

export function attachFault(
  refusal: Refusal,
  { serverId, networkId }: { readonly serverId: string; readonly networkId: string },
): { readonly code: number; readonly message: string; readonly details: string } {
  const { refused, detail } = refusal;
  const known = words[refused];
  return {
    code: known?.code ?? 400,
    message: known?.message({ networkId, ...detail }, serverId) ?? networkFaultMessage(refusal),
    details: known === undefined ? '' : networkFaultMessage(refusal),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
