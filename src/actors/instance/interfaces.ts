// What attaching and detaching leave in an instance's state. A port that is no longer the server's, or never became it, is
// loose until the network service has let go of it: that goes on after the operation, whatever becomes of the server.
// Called by evolve and decide alone. Pure.
import type { ServerPort } from '../domain/server.ts';
import type { Step } from './operations/table.ts';
import type { InstanceEvent } from './protocol.ts';
import type { InstanceState, LoosePort, RunningOperation } from './state.ts';

type Result = Extract<InstanceEvent, { readonly type: 'instance.step-completed' }>['result'];
type Changes = Partial<Pick<InstanceState, 'ports' | 'loosePorts'>>;

const none: Changes = {};

/** A port is the server's once it is made, and until its guest has let go of it. */
export function portsAfterStep(
  state: InstanceState,
  { name, parameters }: RunningOperation,
  step: Step,
  { ports: [port] = [] }: Result,
): Changes {
  if (step.effect === 'change-addresses' && port !== undefined)
    return { ports: state.ports.map((one) => (one.portId === port.portId ? port : one)) };
  if (step.effect === 'take-port' && port !== undefined)
    return { ports: [...without(state.ports, port.portId), port] };
  if (name !== 'detach-interface' || step.effect !== 'detach-interface') return none;
  const gone = state.ports.find(({ portId }) => portId === parameters.detach?.portId);
  return gone === undefined ? none : loosened(state, gone);
}

/**
 * An attachment that came to nothing. One that was cut short by a delete, or could not be taken back, stays the server's:
 * its guest may have it, and the delete takes it from host and guest with all others.
 */
export function portsAfterFailure(
  state: InstanceState,
  { name, parameters, failure, isUndoGivenUp }: RunningOperation,
): Changes {
  const wanted = parameters.attach?.port;
  if (name !== 'attach-interface' || wanted === undefined) return none;
  const isTheirs = state.ports.some(({ portId }) => portId === wanted.portId);
  return isTheirs && (failure === undefined || isUndoGivenUp) ? none : loosened(state, wanted);
}

export function portReleased({ loosePorts = [] }: InstanceState, portId: string): Changes {
  const left = loosePorts.filter((port) => port.portId !== portId);
  return { loosePorts: left.length === 0 ? undefined : left };
}

function loosened(state: InstanceState, { portId, networkId }: LoosePort): Changes {
  const others = (state.loosePorts ?? []).filter((port) => port.portId !== portId);
  return {
    ports: without(state.ports, portId),
    loosePorts: [...others, { portId, networkId }],
  };
}

function without(ports: readonly ServerPort[], portId: string): readonly ServerPort[] {
  return ports.filter((port) => port.portId !== portId);
}
