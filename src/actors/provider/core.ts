// The rules of a resource provider, pure: who decides what. A claim never takes use above capacity, the same claim counts
// once, and what was let go or is over stays so: a late repeat can't leak. The memory of that is bounded (evolve.ts).
import type { Facts } from '#runtime/entity/definition.ts';
import { unreachable } from '../domain/unreachable.ts';
import { decideClaim, decideRelease } from './claims.ts';
import type { Decision } from './decision.ts';
import {
  decideCreate,
  decideDescribe,
  decidePlace,
  decideRemove,
  decideSetAggregates,
  decideSetInventories,
  decideSetTraits,
} from './offers.ts';
import type { ProviderCommand, ProviderState } from './protocol.ts';
import { decideAbort, decideCommit, decidePrepare } from './writes.ts';

export function decideProvider(
  state: ProviderState,
  command: ProviderCommand,
  _facts: Facts,
): Decision {
  switch (command.type) {
    case 'provider.describe':
      return decideDescribe(state, command);
    case 'provider.claim':
      return decideClaim(state, command);
    case 'provider.release':
      return decideRelease(state, command);
    case 'provider.create':
      return decideCreate(state, command);
    case 'provider.place':
      return decidePlace(state, command);
    case 'provider.remove':
      return decideRemove(state, command);
    case 'provider.set-inventories':
      return decideSetInventories(state, command);
    case 'provider.set-traits':
      return decideSetTraits(state, command);
    case 'provider.set-aggregates':
      return decideSetAggregates(state, command);
    case 'provider.prepare':
      return decidePrepare(state, command);
    case 'provider.commit':
      return decideCommit(state, command);
    case 'provider.abort':
      return decideAbort(state, command);
    default:
      return unreachable(command);
  }
}
