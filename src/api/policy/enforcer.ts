// Who may do what: the default rules with what a policy file puts over them, ready to be asked. Pure. A file with any
// fault gives no enforcer at all: a cloud never runs under half a policy.
import type { Caller } from '#actors/ports/identity.ts';
import { present } from '#runtime/assert.ts';
import { type Check, CheckSyntaxError, parseCheck } from './check.ts';
import { compileRules, type Judgement, type PolicyTarget, rulesIn } from './evaluate.ts';
import {
  baseRules,
  type ComputeRule,
  computeRules,
  formerComputeRules,
  wholeRuleName,
} from './compute-rules-table.ts';
import { placementRules } from './placement-rules-table.ts';
import { type PolicyProblem, readPolicyText } from './policy-text.ts';

/** One rule in force. */
export interface RuleInForce {
  readonly name: string;
  readonly check: string;
  /** The line of the policy file that says so; undefined for a default. */
  readonly line: number | undefined;
}

const ADMIN_RULE = 'context_is_admin';

export class Enforcer {
  /** By name. */
  readonly rules: readonly RuleInForce[];
  readonly #judgements: ReadonlyMap<string, Judgement>;
  readonly #isAdmin: Judgement;

  constructor(rules: readonly RuleInForce[], checks: ReadonlyMap<string, Check>) {
    this.rules = rules;
    this.#judgements = compileRules(checks);
    this.#isAdmin = present(this.#judgements.get(ADMIN_RULE), ADMIN_RULE);
  }

  /**
   * Whether the caller may do what `rule`, by its whole name, is about. Compute's rules are for tokens of projects, as
   * Nova's are: one for a domain or for the system may do nothing.
   */
  allows(rule: string, caller: Caller, target: PolicyTarget): boolean {
    const isOfProject = !caller.system && caller.domainId === undefined;
    if (!isOfProject && !rule.startsWith('placement:')) return false;
    return present(this.#judgements.get(rule), `policy rule ${rule}`)(caller, target);
  }

  /** The caller with the rank that `context_is_admin` gives it: administrators see the things of all projects. */
  ranked(caller: Caller): Caller {
    const isAdmin = this.#isAdmin(caller, ownTarget(caller));
    return isAdmin === caller.isAdmin ? caller : { ...caller, isAdmin };
  }
}

/** What belongs to the caller: for calls that are about nothing that exists yet. */
export function ownTarget({ projectId, userId }: Caller): PolicyTarget {
  return { projectId, userId };
}

/** Every rule that there is, by its whole name. */
const defaults: ReadonlyMap<string, string> = new Map([
  ...Object.entries(baseRules),
  ...Object.entries(computeRules).map(([rule, check]): [string, string] => [
    wholeRuleName(rule as ComputeRule),
    check,
  ]),
  ...Object.entries(placementRules),
]);

export type PolicyReading =
  | { readonly enforcer: Enforcer; readonly problems?: never }
  | { readonly problems: readonly PolicyProblem[]; readonly enforcer?: never };

/** The rules of a policy file, over the defaults. */
export function readPolicy(text: string): PolicyReading {
  const read = readPolicyText(text);
  const problems = [...read.problems];
  const inForce = new Map<string, RuleInForce>();
  const former: RuleInForce[] = [];
  for (const { name, line, text: check } of read.entries) {
    for (const today of formerComputeRules[name] ?? []) former.push({ name: today, check, line });
    if (formerComputeRules[name] === undefined) {
      inForce.set(name, { name, check, line });
      const words = unknownName(name);
      if (words !== undefined) problems.push({ line, rule: name, words });
    }
  }
  for (const rule of former) if (!inForce.has(rule.name)) inForce.set(rule.name, rule);
  for (const [name, check] of defaults)
    if (!inForce.has(name)) inForce.set(name, { name, check, line: undefined });
  const checks = parseAll(inForce, problems);
  if (problems.length === 0) problems.push(...badReferences(inForce, checks));
  if (problems.length > 0)
    return { problems: problems.sort((one, other) => one.line - other.line) };
  const rules = [...inForce.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  return { enforcer: new Enforcer(rules, checks) };
}

/** Names with a service's prefix are rules of ours, or mistakes; any other is a rule that the file makes for itself. */
function unknownName(name: string): string | undefined {
  if (
    defaults.has(name) ||
    !/^(os_compute_api|compute|network|placement|identity|image):/.test(name)
  )
    return undefined;
  const near = nearest(name);
  const mend = near === undefined ? 'take it out' : `did you mean ${near}? If not, take it out`;
  return `there is no such rule, so it would have no effect: ${mend}. ./kilonova policy show lists all rules`;
}

/** The name that differs in the fewest letters, if they are few. */
function nearest(name: string): string | undefined {
  let best: string | undefined;
  let least = Math.min(6, name.length / 3);
  for (const known of defaults.keys()) {
    const distance = editDistance(name, known);
    if (distance >= least) continue;
    least = distance;
    best = known;
  }
  return best;
}

function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_none, index) => index);
  for (let at = 1; at <= one.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= other.length; to += 1) {
      const change = (row[to - 1] ?? 0) + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(change, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

function parseAll(
  rules: ReadonlyMap<string, RuleInForce>,
  problems: PolicyProblem[],
): ReadonlyMap<string, Check> {
  const checks = new Map<string, Check>();
  for (const { name, check, line } of rules.values()) {
    try {
      checks.set(name, parseCheck(check));
    } catch (error) {
      if (!(error instanceof CheckSyntaxError)) throw error;
      problems.push({ line: line ?? 0, rule: name, words: error.message });
    }
  }
  return checks;
}

/** `rule:` to a name that nobody has, or around in a circle. */
function badReferences(
  rules: ReadonlyMap<string, RuleInForce>,
  checks: ReadonlyMap<string, Check>,
): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const done = new Set<string>();
  const walk = (name: string, trail: readonly string[]): void => {
    if (done.has(name)) return;
    const line = rules.get(name)?.line ?? rules.get(trail.at(-1) ?? '')?.line ?? 0;
    if (trail.includes(name)) {
      const circle = [...trail.slice(trail.indexOf(name)), name].join(' → ');
      problems.push({
        line,
        rule: name,
        words: `it refers to itself: ${circle}. Break the circle`,
      });
      return;
    }
    const check = checks.get(name);
    if (check === undefined) {
      const near = nearest(name);
      const mend = near === undefined ? 'write it, too' : `did you mean rule:${near}?`;
      problems.push({
        line,
        rule: trail.at(-1) ?? name,
        words: `it refers to rule:${name}, which there is not: ${mend}`,
      });
      return;
    }
    for (const next of rulesIn(check)) walk(next, [...trail, name]);
    done.add(name);
  };
  for (const name of checks.keys()) walk(name, []);
  return problems;
}

export const defaultPolicy: Enforcer = present(readPolicy('').enforcer, 'default policy');
