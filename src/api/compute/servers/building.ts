// How many servers are being built: work that creates have left behind. A create is answered long before its server is
// there, so without a bound on these a cloud could accept for minutes what it then builds for an hour.
import type { InstanceState } from '#actors/instance/state.ts';
import type { StateView } from '#runtime/events/projection.ts';

export interface BuildingCount {
  readonly value: number;
  close(): void;
}

export function countBuilding(servers: StateView<InstanceState>): BuildingCount {
  let value = 0;
  for (const state of servers.values()) if (isBuilding(state)) value += 1;
  const close = servers.subscribe(({ before, after }) => {
    value += Number(isBuilding(after)) - Number(before !== undefined && isBuilding(before));
  });
  return {
    get value() {
      return value;
    },
    close,
  };
}

function isBuilding({ existence, vmState }: InstanceState): boolean {
  return existence === 'exists' && vmState === 'building';
}
