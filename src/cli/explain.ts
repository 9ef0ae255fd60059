// `kilonova explain SERVER`: where a server is, what went wrong, and how the scheduler would place it now: each filter,
// how many hosts stayed, why the others left, and what the rest weigh.
import type { ExplainedServer } from '../control-socket.ts';
import { adminClient, type AdminClient } from './admin-client.ts';
import type { ControlArguments } from './arguments.ts';
import { readSettings } from './settings.ts';
import { table } from './table.ts';

/** Hosts told by name for each filter, and in the ranking. */
const SHOWN = 5;

export async function explain(server: string, options: ControlArguments): Promise<void> {
  const { data } = await readSettings(options);
  const client = await adminClient(data);
  const id = await serverId(client, server);
  const explained = await client.get<ExplainedServer>(`/admin/servers/${id}/explain`);
  process.stdout.write(
    options.json === true ? `${JSON.stringify(explained)}\n` : `${inWords(explained)}\n`,
  );
}

/** By id, or by a name that only one server has. */
async function serverId(client: AdminClient, server: string): Promise<string> {
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(server)) return server;
  const named = encodeURIComponent(`^${server.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
  const { servers } = await client.get<{ readonly servers: readonly { readonly id: string }[] }>(
    `/compute/v2.1/servers?all_tenants=1&name=${named}`,
  );
  const [only, ...others] = servers;
  if (only === undefined) throw new Error(`there is no server ${server}`);
  if (others.length > 0)
    throw new Error(
      `${servers.length} servers are named ${server}: say which by its id (${servers.map(({ id }) => id).join(', ')})`,
    );
  return only.id;
}

export function inWords(explained: ExplainedServer): string {
  const { name, serverId: id, vmState, host, fault, funnel } = explained;
  const place = host === undefined ? 'on no host' : `on ${host}`;
  const lines = [`${name} (${id}) is ${vmState}, ${place}.`];
  if (fault !== undefined) lines.push(`Its fault: ${fault.message}`);
  lines.push('', `If it were placed now, of ${funnel.hosts} hosts:`, '');
  const stages = funnel.stages.map(({ filter, before, after, refused }) => [
    filter,
    before,
    after,
    shortened(refused.map((one) => `${one.host}: ${one.reason}`)),
  ]);
  lines.push(table(['FILTER', 'CAME', 'STAYED', 'WHY THE OTHERS LEFT'], stages));
  if (funnel.ranking.length === 0) return [...lines, '', 'No host is left.'].join('\n');
  const ranking = funnel.ranking
    .slice(0, SHOWN)
    .map(({ host: one, weight, parts }) => [
      one,
      weight.toFixed(3),
      parts
        .map(
          ({ weigher, figure, share, multiplier }) =>
            `${weigher} ${figure} → ${multiplier} × ${share.toFixed(3)}`,
        )
        .join('; ') || 'nothing tells it from the others',
    ]);
  lines.push('', table(['HOST', 'WEIGHT', 'OF'], ranking));
  const others = funnel.ranking.length - ranking.length;
  if (others > 0) lines.push(`and ${others} more`);
  return lines.join('\n');
}

function shortened(reasons: readonly string[]): string {
  const more = reasons.length - SHOWN;
  return `${reasons.slice(0, SHOWN).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
