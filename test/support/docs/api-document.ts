// docs/api-coverage.md: every call of the compute service that is answered, from the route table.
import { MAX_MINOR, versionText } from '#api/compute/microversion.ts';
import type { ComputeAction, ComputeRoute } from '#api/compute/route.ts';
import { computeRoutes } from '#api/compute/routes.ts';
import { code, type Row, row, table } from './markdown.ts';

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
  return `# Compute API coverage

Generated from \`src/api/compute/routes.ts\` by \`test/support/docs/api-document.ts\`; after a change run
\`npx vitest run test/unit/docs.test.ts -u\`. Calls of Nova that are not listed are not there yet.

Paths stand below \`/compute/v2.1\` (and \`/compute/v2\`, which speaks 2.0), optionally with the project's id in between.
Microversions: 2.1 to ${versionText(MAX_MINOR)}. The rule is Nova's policy rule (\`os_compute_api:\` left out); the role is the least that
may call it; administrators always may.

## Served: ${served.length}

${table(['call', 'versions', 'rule', 'role'], served.map(rowOf))}
## Gone: ${gone.length}

Nova answers these with 410 in every version, and so do we.

${gone.map(({ name }) => `- ${name}\n`).join('')}`;
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
    policy === undefined ? '' : code(policy.rule),
    policy?.persona ?? '',
  );
}

function versionsOf(since: number | undefined, until: number | undefined): string {
  if (since === undefined) return until === undefined ? 'all' : `to ${versionText(until)}`;
  const first = versionText(since);
  return until === undefined ? `from ${first}` : `${first} to ${versionText(until)}`;
}
