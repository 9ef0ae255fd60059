// What attaching and detaching ask of the network service; the work on host and guest is an order (orders.ts).
import type { EffectContext } from '#runtime/entity/effects.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import type { ServerPort } from '../domain/server.ts';
import type { BoundPort, Networks } from '../ports/networks.ts';
import type { InstanceState } from './state.ts';
import type { InstanceEffect } from './todo.ts';

/**
 * Undefined when nobody wants to hear it: the port is given back then as a loose one, or with all others of the server. It
 * is made under an id that the operation names, so that a repeat finds it.
 */
export async function takePort(
  networks: Networks,
  { requestId }: InstanceEffect,
  { id: serverId, operation, request }: InstanceState,
  { signal }: EffectContext,
): Promise<ServerPort | Refusal | undefined> {
  const port = operation?.parameters.attach?.port;
  if (port === undefined || request === undefined) return undefined;
  const { portId, existing, networkId, fixedIp, tag } = port;
  const taken = await networks.attach({
    serverId,
    projectId: request.projectId,
    port: { portId, existing, networkId, fixedIp, tag },
    requestId,
  });
  if (signal.aborted) return undefined;
  return isRefusal(taken) ? taken : serverPort(taken);
}

/** The port as it is afterwards. The change is named by the operation, so that a repeat changes nothing. */
export async function newAddresses(
  networks: Networks,
  { id: changeId, requestId }: InstanceEffect,
  { id: serverId, operation, ports }: InstanceState,
  { signal }: EffectContext,
): Promise<ServerPort | Refusal | undefined> {
  const asked = operation?.parameters.addresses;
  if (asked === undefined) return undefined;
  const tag = ports.find(({ portId }) => portId === asked.portId)?.tag;
  const changed = await networks.changeAddresses({
    serverId,
    ...asked,
    tag,
    changeId,
    requestId,
  });
  if (signal.aborted) return undefined;
  return isRefusal(changed) ? changed : serverPort(changed);
}

/** As the journal keeps it. */
export function serverPort({ tag, ...port }: BoundPort): ServerPort {
  return {
    ...port,
    fixedIps: port.fixedIps.map(({ gateway, dnsServers, ...ip }) => ({
      ...ip,
      dnsServers: [...dnsServers],
      ...(gateway === undefined ? {} : { gateway }),
    })),
    ...(tag === undefined ? {} : { tag }),
  };
}

/** A port that the server does not have goes back: deleted if it was made for it, else free. */
export async function releaseLoosePort(
  networks: Networks,
  { portId, requestId }: InstanceEffect,
  { id: serverId, loosePorts = [] }: InstanceState,
): Promise<string | undefined> {
  const loose = loosePorts.find((port) => port.portId === portId);
  if (loose === undefined) return undefined;
  await networks.releasePort({ serverId, ...loose, requestId });
  return loose.portId;
}
