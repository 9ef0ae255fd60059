// Tells whose ports have changed, so that what is derived from ports can be kept until then.
import type { StateView } from '#runtime/events/projection.ts';
import { bucketGet } from '../../domain/bucket-map.ts';
import type { NetworkEvent } from './protocol.ts';
import type { NetworkState } from './state.ts';

/** Calls `listener` with each device that a changed port had or has; with undefined where it may be any. */
export function onPortChanges(
  networks: Pick<StateView<NetworkState>, 'subscribe'>,
  listener: (deviceId: string | undefined) => void,
): void {
  networks.subscribe(({ before, after, events }) => {
    if (before?.ports === after.ports) return;
    const portIds = (events as readonly NetworkEvent[]).map(portIdIn);
    // A state that came as a whole, or an event that is about more than one port.
    if (portIds.length === 0 || portIds.includes(undefined)) return listener(undefined);
    for (const portId of portIds)
      for (const state of [before, after]) {
        const deviceId = state && bucketGet(state.ports, portId ?? '')?.deviceId;
        if (deviceId !== undefined && deviceId !== '') listener(deviceId);
      }
    return undefined;
  });
}

function portIdIn(event: NetworkEvent): string | undefined {
  if (event.type === 'network.port-set') return event.port.id;
  return event.type === 'network.port-deleted' ? event.portId : undefined;
}
