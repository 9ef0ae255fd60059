// docs/policy.md: every rule of compute and placement with its default and what it is about, from the rule table and the routes.
import type { ComputeAction, ComputeRoute } from '#api/compute/route.ts';
import { computeRoutes } from '#api/compute/routes.ts';
import {
  baseRules,
  type ComputeRule,
  computeRuleNotes,
  computeRules,
  formerComputeRules,
  wholeRuleName,
} from '#api/policy/compute-rules-table.ts';
import { placementRoutes } from '#api/placement/routes.ts';
import { placementRules } from '#api/policy/placement-rules-table.ts';
import { credentialNames, targetNames } from '#api/policy/check.ts';
import { code, row, table } from './markdown.ts';

export function policyDocument(): string {
  const calls = callsByRule();
  const names = Object.keys(computeRules) as readonly ComputeRule[];
  return `# Policy: who may do what

Generated from \`src/api/policy/compute-rules-table.ts\` by \`test/support/docs/policy-document.ts\`; after a change run
\`npx vitest run test/unit/docs.test.ts -u\`. Names and defaults are Nova's.

## How it works

Every call of compute and placement asks one rule before it does anything, and some ask more for single fields and options.
A refusal is a 403: \`Policy doesn't allow os_compute_api:servers:create to be performed.\` Servers of other projects
are a 404 for all but administrators. Rules are for tokens of projects: one for a domain or for the system may do
nothing here, as with Nova's \`enforce_scope\`. Who is an administrator, and so sees the things of all projects, the
rule \`context_is_admin\` says. What Nova from 2023.1 on leaves to the service role alone administrators may do here,
too. Placement's rules take tokens of any scope. Identity, image and network have OpenStack's defaults in their code; a policy
file is for compute and placement.

## A policy file

\`./kilonova up --policy FILE\`, or \`policyFile\` in the settings. It is oslo.policy's YAML: one \`"NAME": "CHECK"\` for
each rule that differs from its default.

\`\`\`yaml
# Auditors see hosts, and the servers of all projects.
"os_compute_api:os-extended-server-attributes": "rule:context_is_admin or role:auditor"
"os_compute_api:servers:detail:get_all_tenants": "rule:context_is_admin or role:auditor"
# Nobody but its user deletes a server.
"os_compute_api:servers:delete": "rule:project_member_api and user_id:%(user_id)s"
\`\`\`

| check | holds for |
| --- | --- |
| \`@\` or an empty string; \`!\` | everyone; nobody |
| \`role:NAME\` | who has the role, also by implication; case does not count |
| \`rule:NAME\` | whom the other rule lets pass; a file may add rules of its own |
| \`CREDENTIAL:VALUE\` | whose credential is that: ${credentialNames.map(code).join(', ')} |
| \`CREDENTIAL:%(FIELD)s\` | whose credential equals the thing's field: ${targetNames.map(code).join(', ')} |
| \`not\`, \`and\`, \`or\`, \`( )\` | as written; \`not\` binds closest, \`or\` least |

\`./kilonova policy check FILE\` tells every mistake by line, with its mend: unknown rules, bad checks, circles, doubles.
With a mistake nothing starts. \`./kilonova policy show [PART]\` lists what is in force. The file is read when a process
starts: after a change, \`down\` and \`up\`, while guests run on. All controllers of a cluster need the same file. Not
taken: \`http:\` checks, lists in place of strings, policy directories.

## Rules that others are made of: ${Object.keys(baseRules).length}

${table(
  ['rule', 'default'],
  Object.entries(baseRules).map(([name, check]) => row(code(name), code(check))),
)}
## Rules: ${names.length}

${table(
  ['rule', 'default', 'operations'],
  names.map((name) =>
    row(code(wholeRuleName(name)), code(computeRules[name]), aboutOf(name, calls.get(name) ?? [])),
  ),
)}
## Placement's rules: ${Object.keys(placementRules).length}

${table(
  ['rule', 'default', 'operations'],
  Object.entries(placementRules).map(([name, check]) =>
    row(code(name), code(check), placementCalls(name).map(code).join('; ')),
  ),
)}
## Names of former releases

A file may still use these; they stand for all the rules beside them that it does not name itself.

${table(
  ['former name', 'rules'],
  Object.entries(formerComputeRules).map(([name, today]) =>
    row(code(name), today.map(code).join(', ')),
  ),
)}`;
}

function aboutOf(rule: ComputeRule, calls: readonly string[]): string {
  const note = computeRuleNotes[rule];
  return [...calls.map(code), ...(note === undefined ? [] : [note])].join('; ');
}

function placementCalls(rule: string): readonly string[] {
  return placementRoutes
    .filter((route) => route.rule === rule)
    .map(({ method, path }) => `${method} ${path}`);
}

/** Rules that neither gate a call nor are explained. */
export function idleRules(): readonly string[] {
  const calls = callsByRule();
  return (Object.keys(computeRules) as readonly ComputeRule[]).filter(
    (rule) => aboutOf(rule, calls.get(rule) ?? []) === '',
  );
}

function callsByRule(): ReadonlyMap<ComputeRule, readonly string[]> {
  const calls = new Map<ComputeRule, string[]>();
  const note = (route: ComputeRoute, { policy, ...operation }: ComputeRoute | ComputeAction) => {
    if (policy === undefined || route.path.startsWith('/os-volumes_boot')) return;
    const name = `${route.method} ${route.path}${'name' in operation ? ` ${operation.name}` : ''}`;
    const known = calls.get(policy);
    if (known === undefined) calls.set(policy, [name]);
    else if (!known.includes(name)) known.push(name);
  };
  for (const route of computeRoutes)
    for (const operation of route.actions ?? [route]) note(route, operation);
  return calls;
}
