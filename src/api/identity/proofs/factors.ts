// Rules for several methods at once, which a user's options hold: one of the rules must be met in full. Rules with methods
// that are not known here are passed over, and rules that are all such do not bind, as Keystone has it.
import type { User } from '#actors/services/identity/records.ts';
import { Problem } from '../problem.ts';

/** Throws 401 unless the methods together are enough for this user. */
export function requireFactors(
  user: User,
  methods: readonly string[],
  known: readonly string[],
): void {
  if (user.options.multi_factor_auth_enabled !== true) return;
  const rules = readRules(user.options.multi_factor_auth_rules, known);
  const isEnough =
    rules.length === 0 || rules.some((rule) => rule.every((method) => methods.includes(method)));
  if (isEnough) return;
  throw new Problem(
    401,
    `Insufficient auth methods received for ${user.id}. Auth Methods Provided: ${methods.join(', ')}.`,
    { extra: { required_auth_methods: rules } },
  );
}

function readRules(value: unknown, known: readonly string[]): readonly (readonly string[])[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (rule): rule is string[] =>
      Array.isArray(rule) && rule.length > 0 && rule.every((method) => known.includes(method)),
  );
}
