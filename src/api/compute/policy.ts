// Asks the policy about a call: throws Nova's 403, which names the rule. What the rules are stands in api/policy. Whether
// a thing of another project is there at all is decided where it is looked up: others' servers are a 404.
import type { InstanceState } from '#actors/instance/state.ts';
import { defaultPolicy, ownTarget } from '../policy/enforcer.ts';
import type { PolicyTarget } from '../policy/evaluate.ts';
import { type ComputeRule, wholeRuleName } from '../policy/compute-rules-table.ts';
import { forbidden } from './envelope.ts';
import type { ComputeCall } from './route.ts';

/** What of a call the policy is asked about. */
export type JudgedCall = Pick<ComputeCall, 'caller' | 'policyTarget'> & {
  readonly context: Pick<ComputeCall['context'], 'policy'>;
};

/** About the call's server if it has one, or the thing that its route names; else about what is the caller's own. */
export function allows(call: JudgedCall, rule: ComputeRule, target?: PolicyTarget): boolean {
  const { context, caller } = call;
  const about = target ?? call.policyTarget ?? ownTarget(caller);
  return (context.policy ?? defaultPolicy).allows(wholeRuleName(rule), caller, about);
}

/** A server is its project's and its user's. */
export function serverTarget({ request }: InstanceState): PolicyTarget {
  return { projectId: request?.projectId, userId: request?.userId };
}

/** Throws a 403 that names the rule. */
export function demand(call: JudgedCall, rule: ComputeRule, target?: PolicyTarget): void {
  if (!allows(call, rule, target))
    throw forbidden(`Policy doesn't allow ${wholeRuleName(rule)} to be performed.`);
}
