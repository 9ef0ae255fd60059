// Trouble on order for a simulated host: a call fails, fails after its work was done, is slow or hangs; events get lost.
// Tests and the simulator plan it here; it must not know what the calls do.

import { HypervisorFault } from '../port.ts';
import type { Migrations } from '../migration-port.ts';
import type { Hypervisor } from '../port.ts';
import type { GuestStorage } from '../storage-port.ts';
import type { HostNetwork } from '../network-port.ts';

type Calls<Port> = {
  [Name in keyof Port]: Port[Name] extends (...args: never[]) => Promise<unknown> ? Name : never;
}[keyof Port];

export type SimulatedOperation =
  | Exclude<Calls<Hypervisor> | Calls<GuestStorage> | Calls<HostNetwork>, 'close'>
  | `migrations.${Calls<Migrations>}`;

export type PlannedFault =
  /** Nothing is done. */
  | { readonly kind: 'refuse'; readonly fault: HypervisorFault }
  /** All is done, but the caller hears the fault: the reply was lost. */
  | { readonly kind: 'lose-reply'; readonly fault: HypervisorFault }
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Nothing happens until `released` resolves; then the call goes on as usual. */
  | { readonly kind: 'hang'; readonly released: Promise<void> };

export class FaultPlan {
  readonly #planned = new Map<SimulatedOperation, PlannedFault[]>();
  #eventsToLose = 0;

  /** The next call of `operation` that has nothing planned yet fails so. Plans of one operation are used in order. */
  next(operation: SimulatedOperation, fault: HypervisorFault | PlannedFault): void {
    const planned: PlannedFault =
      fault instanceof HypervisorFault ? { kind: 'refuse', fault } : fault;
    const list = this.#planned.get(operation);
    if (list === undefined) this.#planned.set(operation, [planned]);
    else list.push(planned);
  }

  /** The next call does its work, but its caller gets `fault` (default: connection-lost). */
  loseReply(operation: SimulatedOperation, fault?: HypervisorFault): void {
    const lost = new HypervisorFault('connection-lost', `the reply to ${operation} was lost`, {
      retryable: true,
    });
    this.next(operation, { kind: 'lose-reply', fault: fault ?? lost });
  }

  /** The next call hangs until the returned function is called. */
  hang(operation: SimulatedOperation): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.next(operation, { kind: 'hang', released: promise });
    return () => resolve();
  }

  /** The next `count` events reach nobody. */
  loseEvents(count: number): void {
    this.#eventsToLose += count;
  }

  clear(): void {
    this.#planned.clear();
    this.#eventsToLose = 0;
  }

  /** What is planned for this call, which uses it up. */
  take(operation: SimulatedOperation): PlannedFault | undefined {
    if (this.#planned.size === 0) return undefined;
    const list = this.#planned.get(operation);
    const planned = list?.shift();
    if (list?.length === 0) this.#planned.delete(operation);
    return planned;
  }

  takesEvent(): boolean {
    if (this.#eventsToLose === 0) return false;
    this.#eventsToLose -= 1;
    return true;
  }
}
