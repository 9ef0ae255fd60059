// How much of a server a caller sees: what a view takes of the policy. Pure.
import { allows } from '../../policy.ts';
import type { ComputeCall } from '../../route.ts';
import type { ViewOptions } from './detail.ts';

export function sightOf(
  call: ComputeCall,
): Pick<ViewOptions, 'isAdmin' | 'seesHosts' | 'seesExtraSpecs'> {
  return {
    isAdmin: call.caller.isAdmin,
    seesHosts: allows(call, 'os-extended-server-attributes'),
    seesExtraSpecs: call.from(47) && allows(call, 'servers:show:flavor-extra-specs'),
  };
}
