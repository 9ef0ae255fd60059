// Who may do what: Nova's default policy, by rule name and persona. Pure. That a server or another thing belongs to
// the caller's project is checked where it is looked up (others' are 404); here only the caller's roles count.
import type { Caller } from '#actors/ports/identity.ts';
import { forbidden } from './envelope.ts';

/** `reader`, `member`, `manager`: that role in the project, or an administrator. `any`: any valid token. */
export type Persona = 'any' | 'reader' | 'member' | 'manager' | 'admin' | 'service';

export interface Policy {
  /** Without the `os_compute_api:` that all but a few begin with; those are written with their own prefix. */
  readonly rule: string;
  readonly persona: Persona;
}

export function allows(persona: Persona, caller: Caller): boolean {
  if (persona === 'any' || caller.isAdmin) return true;
  if (persona === 'admin') return false;
  if (persona === 'service') return caller.roles.includes('service');
  if (caller.projectId === undefined) return false;
  const enough: Readonly<Record<'reader' | 'member' | 'manager', readonly string[]>> = {
    reader: ['reader', 'member', 'manager'],
    member: ['member', 'manager'],
    manager: ['manager'],
  };
  return caller.roles.some((role) => enough[persona].includes(role));
}

/** Throws a 403 that names the rule. */
export function demand(policy: Policy, caller: Caller): void {
  if (allows(policy.persona, caller)) return;
  const rule = /^(compute|network):/.test(policy.rule)
    ? policy.rule
    : `os_compute_api:${policy.rule}`;
  throw forbidden(`Policy doesn't allow ${rule} to be performed.`);
}
