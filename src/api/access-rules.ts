// Does one of an application credential's access rules allow a request? A rule names a service, a method and a path, in
// which `*` and `{name}` stand for a part between slashes and `**` for anything. Matching takes time in proportion to
// path × pattern, whatever the pattern: rules are their users' own words.
import type { AccessRule } from '#actors/ports/identity.ts';

export interface AskedRequest {
  readonly method: string;
  /** From the root: `/compute/v2.1/servers`; the first part is the type of the service. */
  readonly path: string;
}

/** Paths of rules begin behind the service's address; those that have the whole path mean the same. */
export function allowsRequest(rules: readonly AccessRule[], asked: AskedRequest): boolean {
  const [, service = ''] = asked.path.split('/', 2);
  const below = asked.path.slice(service.length + 1);
  return rules.some(
    (rule) =>
      rule.method === asked.method &&
      rule.service === service &&
      (matchesPath(below, rule.path) || matchesPath(asked.path, rule.path)),
  );
}

/** One step of a pattern: a character, or as many as there are of a sort. */
type Step = { readonly character: string } | { readonly many: 'part' | 'all' };

export function matchesPath(path: string, pattern: string): boolean {
  const steps = stepsOf(pattern);
  let reached = skipMany(new Set([0]), steps);
  for (const character of path) {
    const next = new Set<number>();
    for (const at of reached) {
      const step = steps[at];
      if (step === undefined) continue;
      if ('character' in step) {
        if (step.character === character || (step.character === '*' && character !== '/'))
          next.add(at + 1);
      } else if (step.many === 'all' || character !== '/') next.add(at);
    }
    if (next.size === 0) return false;
    reached = skipMany(next, steps);
  }
  return reached.has(steps.length);
}

/** `*` as a character is any but a slash: a part has one at least. */
function stepsOf(pattern: string): readonly Step[] {
  return [...pattern.matchAll(/\{[^}]*\}|\*\*|\*|[^*]/gsu)].flatMap(([token]): Step[] => {
    if (token === '**') return [{ many: 'all' }];
    const isPart = token === '*' || (token.length > 1 && token.startsWith('{'));
    return isPart ? [{ character: '*' }, { many: 'part' }] : [{ character: token }];
  });
}

/** What may be repeated may also be left out. */
function skipMany(reached: Set<number>, steps: readonly Step[]): Set<number> {
  for (const at of reached) {
    const step = steps[at];
    if (step !== undefined && 'many' in step) reached.add(at + 1);
  }
  return reached;
}
