// The embedded network service's security groups, as compute sees them.
import type { EmbeddedNetworks } from '#actors/services/network/embedded.ts';
import type { FoundGroup } from '#actors/services/network/security-groups.ts';
import type { SecurityGroupRecord, SecurityGroups } from '../context.ts';

export function embeddedSecurityGroups({
  groups,
  index,
  serverGroups,
}: EmbeddedNetworks): SecurityGroups {
  const find = (groupId: string): SecurityGroupRecord | undefined => {
    const found = groups.find(groupId);
    return found === undefined ? undefined : recordOf(found);
  };
  return {
    find,
    named: (projectId, nameOrId) => {
      const own = [...groups.all()].filter((found) => found.projectId === projectId);
      const byId = own.filter(({ group }) => group.id === nameOrId);
      const named = byId.length > 0 ? byId : own.filter(({ group }) => group.name === nameOrId);
      return named.map(recordOf);
    },
    ofServer: (serverId) => {
      const ids = new Set(index.portsOfDevice(serverId).flatMap(({ port }) => port.securityGroups));
      return [...ids].map(find).filter((group) => group !== undefined);
    },
    namesOf: (serverId) => serverGroups.namesOf(serverId),
    change: (change) => serverGroups.change(change),
  };
}

function recordOf({ projectId, group }: FoundGroup): SecurityGroupRecord {
  const { id, name, description } = group;
  return {
    id,
    name,
    description,
    projectId,
    rules: group.rules.map((rule) => ({
      id: rule.id,
      direction: rule.direction,
      ethertype: rule.ethertype,
      protocol: rule.protocol,
      portMin: rule.portMin,
      portMax: rule.portMax,
      remoteGroupId: rule.remoteGroupId,
      remotePrefix: rule.remotePrefix,
    })),
  };
}
