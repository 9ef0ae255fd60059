// What checks mean: from trees to functions of the caller and of what is acted on. Pure. Every rule is made once, when
// the policy is read; a request only calls it.
import type { Caller } from '#actors/ports/identity.ts';
import { present, unreachable } from '#runtime/assert.ts';
import type { Check, CredentialName, Operand } from './check.ts';

/** The thing that is acted on: whose it is. */
export interface PolicyTarget {
  readonly projectId?: string | undefined;
  readonly userId?: string | undefined;
}

export type Judgement = (caller: Caller, target: PolicyTarget) => boolean;

/** Checks by name, all of them; names in `rule:` must be among them, and lead to no circle. */
export function compileRules(checks: ReadonlyMap<string, Check>): ReadonlyMap<string, Judgement> {
  const compiled = new Map<string, Judgement>();
  const rule = (name: string): Judgement => {
    const known = compiled.get(name);
    if (known !== undefined) return known;
    const made = compile(present(checks.get(name), `policy rule ${name}`), rule);
    compiled.set(name, made);
    return made;
  };
  for (const name of checks.keys()) rule(name);
  return compiled;
}

function compile(check: Check, rule: (name: string) => Judgement): Judgement {
  switch (check.kind) {
    case 'always':
      return () => true;
    case 'never':
      return () => false;
    case 'role':
      return (caller) => caller.roles.some((role) => role.toLowerCase() === check.role);
    case 'rule':
      return rule(check.rule);
    case 'equals':
      return (caller, target) => {
        const left = valueOf(check.left, caller, target);
        return left !== undefined && left === valueOf(check.right, caller, target);
      };
    case 'not': {
      const inner = compile(check.check, rule);
      return (caller, target) => !inner(caller, target);
    }
    case 'and': {
      const parts = check.checks.map((part) => compile(part, rule));
      return (caller, target) => parts.every((part) => part(caller, target));
    }
    case 'or': {
      const parts = check.checks.map((part) => compile(part, rule));
      return (caller, target) => parts.some((part) => part(caller, target));
    }
    default:
      return unreachable(check);
  }
}

/** Undefined equals nothing, not even itself: a token without a project owns nothing. */
function valueOf(operand: Operand, caller: Caller, target: PolicyTarget): string | undefined {
  switch (operand.kind) {
    case 'text':
      return operand.text;
    case 'credential':
      return credentialOf(caller, operand.name);
    case 'target':
      return operand.name === 'project_id' ? target.projectId : target.userId;
    default:
      return unreachable(operand);
  }
}

function credentialOf(caller: Caller, name: CredentialName): string | undefined {
  switch (name) {
    case 'user_id':
      return caller.userId;
    case 'user_domain_id':
      return caller.userDomainId;
    case 'project_id':
      return caller.projectId;
    case 'project_domain_id':
      return caller.projectDomainId;
    case 'domain_id':
      return caller.domainId;
    case 'system_scope':
      return caller.system ? 'all' : undefined;
    case 'is_admin':
      return caller.isAdmin ? 'True' : 'False';
    default:
      return unreachable(name);
  }
}

/** Names that a check refers to. */
export function rulesIn(check: Check): readonly string[] {
  switch (check.kind) {
    case 'rule':
      return [check.rule];
    case 'not':
      return rulesIn(check.check);
    case 'and':
    case 'or':
      return check.checks.flatMap(rulesIn);
    default:
      return [];
  }
}
