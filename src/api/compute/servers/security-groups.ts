// Security groups of servers: which ones a create request means, and `GET /servers/{id}/os-security-groups`, in the
// form that groups had before the network service: incoming rules only, ports −1 or 1–65535 for any.
import type { ComputeContext, SecurityGroupRecord, SecurityGroups } from '../context.ts';
import { badRequest, conflict } from '../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../route.ts';

/** The groups as the server is to keep them: by name, by id where a name means several; `default` if none is named. */
export function chosenGroups(
  { securityGroups: service }: ComputeContext,
  projectId: string,
  asked: readonly { readonly name?: string }[],
): string[] {
  const names = new Set(asked.flatMap(({ name }) => (name === undefined ? [] : [name])));
  if (names.size === 0) return ['default'];
  if (service === undefined) return [...names];
  return [...names].map((name) => chosenGroup(service, projectId, name));
}

function chosenGroup(service: SecurityGroups, projectId: string, nameOrId: string): string {
  if (nameOrId === 'default') return nameOrId;
  const [group, ...more] = service.named(projectId, nameOrId);
  if (group === undefined)
    throw badRequest(`Security group ${nameOrId} not found for project ${projectId}.`);
  if (more.length > 0)
    throw conflict(
      `Multiple security groups found matching '${nameOrId}'. Use an ID to be more specific.`,
    );
  return service.named(projectId, group.name).length === 1 ? group.name : group.id;
}

function listGroups({ context, server }: ComputeCall): unknown {
  const groups = context.securityGroups?.ofServer(server.id) ?? [];
  const views = groups.map((group) => groupView(group, context.securityGroups));
  return { security_groups: views.sort((left, right) => (left.name < right.name ? -1 : 1)) };
}

export function groupView(group: SecurityGroupRecord, service: SecurityGroups | undefined) {
  const { id, name, description, projectId, rules } = group;
  return {
    id,
    name,
    description,
    tenant_id: projectId,
    rules: rules
      .filter(({ direction, remoteGroupId }) => {
        // A rule for a group goes with that group.
        const isOrphan = remoteGroupId !== undefined && service?.find(remoteGroupId) === undefined;
        return direction === 'ingress' && !isOrphan;
      })
      .map((rule) => ruleView(id, rule, service)),
  };
}

export function ruleView(
  groupId: string,
  rule: SecurityGroupRecord['rules'][number],
  service: SecurityGroups | undefined,
): unknown {
  const { protocol, remoteGroupId } = rule;
  const source = remoteGroupId === undefined ? undefined : service?.find(remoteGroupId);
  const anywhere = rule.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0';
  const [from, to] = portsOf(rule);
  return {
    id: rule.id,
    parent_group_id: groupId,
    ip_protocol: protocol ?? null,
    from_port: from,
    to_port: to,
    group: source === undefined ? {} : { name: source.name, tenant_id: source.projectId },
    ip_range: remoteGroupId === undefined ? { cidr: rule.remotePrefix ?? anywhere } : {},
  };
}

function portsOf({
  protocol,
  portMin,
  portMax,
}: SecurityGroupRecord['rules'][number]): readonly [number | null, number | null] {
  const isAny = portMin === undefined && portMax === undefined;
  if (protocol === undefined || !isAny) return [portMin ?? null, portMax ?? null];
  return /^(tcp|udp)$/i.test(protocol) ? [1, 65_535] : [-1, -1];
}

export const securityGroupRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/servers/:server_id/os-security-groups',
    target: 'server',
    policy: 'os-security-groups:list',
    handler: listGroups,
  },
];
