// docs/api-coverage.md: every operation of Nova's compute API, and whether it is answered here, from the route table.
import { MAX_MINOR, versionText } from '#api/compute/microversion.ts';
import type { ComputeAction, ComputeRoute } from '#api/compute/route.ts';
import { personaOf } from '#api/policy/compute-rules-table.ts';
import { computeRoutes } from '#api/compute/routes.ts';
import { code, type Row, row, table } from './markdown.ts';
import { novaOperations } from './nova-operations.ts';

interface Call {
  readonly name: string;
  readonly operation: ComputeRoute | ComputeAction;
  /** Of the path, where the operation is an action of it. */
  readonly route: ComputeRoute;
}

export function apiDocument(): string {
  const calls = computeRoutes.flatMap(callsOf);
  const served = calls.filter(({ operation }) => operation.gone !== true);
  const gone = calls.filter(({ operation }) => operation.gone === true);
  const missing = missingOperations();
  const done = novaOperations.length - missing.length;
  return `# Compute API coverage

Generated from \`src/api/compute/routes.ts\` by \`test/support/docs/api-document.ts\`; after a change run
\`npx vitest run test/unit/docs.test.ts -u\`. What Nova has is listed in \`test/support/docs/nova-operations.ts\`:
${novaOperations.length} operations (routes and actions). Here ${done} of them are done, the removed ones as 410.

Paths stand below \`/compute/v2.1\` (and \`/compute/v2\`, which speaks 2.0), optionally with the project's id in between.
Microversions: 2.1 to ${versionText(MAX_MINOR)}. The rule is Nova's policy rule (\`os_compute_api:\` left out); the role is the least that
may call it; administrators always may. What a rule asks, and how to change it: [policy.md](policy.md).

## Served: ${served.length}

${table(['call', 'versions', 'rule', 'role'], served.map(rowOf))}
## Gone: ${gone.length}

Nova answers these with 410 in every version, and so do we.

${gone.map(({ name }) => `- ${name}\n`).join('')}
## Not there yet: ${missing.length}

${missing.map((name) => `- ${code(name)}\n`).join('')}`;
}

/** Answered before any table is looked into: src/api/compute/versions.ts. */
const VERSIONS = {
  name: 'GET /',
  since: 1,
  until: Number.POSITIVE_INFINITY,
  isGone: false,
};

/** Names of Nova's operations that no row of ours answers in the versions of their life. */
export function missingOperations(): readonly string[] {
  const own = new Map(ownOperations().map((operation) => [operation.name, operation]));
  own.set(VERSIONS.name, VERSIONS);
  return novaOperations
    .filter(({ name, since, until, isGone }) => {
      const found = own.get(name);
      return (
        found === undefined ||
        found.isGone !== isGone ||
        (!isGone && (found.since !== since || found.until !== until))
      );
    })
    .map(({ name }) => name);
}

/** Ours in the form of novaOperations; several rows of one call, for different versions, are one. */
export function ownOperations(): typeof novaOperations {
  const byName = new Map<string, (typeof novaOperations)[number]>();
  for (const { operation, route } of computeRoutes.flatMap(callsOf)) {
    const action = 'name' in operation ? ` ${operation.name}` : '';
    const name = `${route.method} ${route.path.replaceAll(/:\w+/g, '*')}${action}`;
    const since = Math.max(1, operation.since ?? 0, route.since ?? 0);
    const until = Math.min(
      operation.until ?? Number.POSITIVE_INFINITY,
      route.until ?? Number.POSITIVE_INFINITY,
    );
    const known = byName.get(name);
    byName.set(name, {
      name,
      since: Math.min(since, known?.since ?? since),
      until: Math.max(until, known?.until ?? until),
      isGone: operation.gone === true,
    });
  }
  return [...byName.values()];
}

function callsOf(route: ComputeRoute): readonly Call[] {
  const name = `${route.method} ${route.path === '' ? '/' : route.path}`;
  if (route.actions === undefined) return [{ name: code(name), operation: route, route }];
  return route.actions.map((operation) => ({
    name: `${code(name)} ${code(operation.name)}`,
    operation,
    route,
  }));
}

function rowOf({ name, operation, route }: Call): Row {
  const { policy } = operation;
  return row(
    name,
    versionsOf(operation.since ?? route.since, operation.until ?? route.until),
    policy === undefined ? '' : code(policy),
    policy === undefined ? '' : personaOf(policy),
  );
}

function versionsOf(since: number | undefined, until: number | undefined): string {
  if (since === undefined) return until === undefined ? 'all' : `to ${versionText(until)}`;
  const first = versionText(since);
  return until === undefined ? `from ${first}` : `${first} to ${versionText(until)}`;
}
