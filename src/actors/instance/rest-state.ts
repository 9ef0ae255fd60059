// What the hypervisor's word on a resting server makes of its vm_state (Nova: _sync_instance_power_state). Pure.
import type { PowerState, VmState } from '../domain/states.ts';

export function restState(vmState: VmState, power: PowerState): VmState {
  const down = power === 'shutdown' || power === 'crashed' || power === 'nostate';
  // One that is rescued stays so, also when it is shut off: unrescue is the way out.
  if (down && (vmState === 'active' || vmState === 'paused')) return 'stopped';
  const rests = vmState === 'stopped' || vmState === 'paused' || vmState === 'suspended';
  if (power === 'running' && rests) return 'active';
  if (power === 'paused' && (vmState === 'active' || vmState === 'stopped')) return 'paused';
  return vmState;
}
