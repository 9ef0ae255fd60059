// Compute's old network calls on the embedded network service.
import type { EmbeddedNetworks } from '#actors/services/network/embedded.ts';
import type { FloatingIp } from '#actors/services/network/floating-ips.ts';
import {
  canonicalRule,
  findRuleFault,
  startingRules,
} from '#actors/services/network/security-rules.ts';
import { networkProjects, type TenancyCommand } from '#actors/services/network/tenancy-protocol.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { SecurityGroups } from './context.ts';
import type { FloatingAddress, GroupRule, NetworkProxies } from './network-proxies.ts';

interface Parts {
  readonly env: Env;
  readonly router: Router;
  readonly networks: EmbeddedNetworks;
  readonly groups: SecurityGroups;
}

export function embeddedNetworkProxies(parts: Parts): NetworkProxies {
  return { ...networkCalls(parts), ...groupCalls(parts) };
}

type GroupCalls =
  | 'groups'
  | 'allGroups'
  | 'createGroup'
  | 'changeGroup'
  | 'removeGroup'
  | 'addRule'
  | 'groupOfRule'
  | 'removeRule';

function networkCalls({ networks }: Parts): Omit<NetworkProxies, GroupCalls> {
  const { index, floatingIps, floatingIpOrders: orders } = networks;
  const record = (id: string) => networks.findNetwork(id);
  const all = () => [...index.networks()].flatMap(({ id }) => record(id) ?? []);
  const addressOf = (floating: FloatingIp): FloatingAddress => ({
    id: floating.id,
    projectId: floating.projectId,
    pool: record(floating.networkId)?.name ?? floating.networkId,
    address: floating.address,
    fixedAddress: floating.target?.fixedAddress,
    serverId: floating.target?.deviceId === '' ? undefined : floating.target?.deviceId,
  });
  const change = async (
    id: string,
    perform: (floating: FloatingIp) => Promise<Refusal | undefined>,
  ) => {
    const floating = floatingIps.find(id);
    return floating === undefined
      ? refuse('floating-not-found', { floatingIpId: id })
      : perform(floating);
  };
  return {
    networks: (caller) =>
      all().filter(
        ({ projectId, shared }) => caller.isAdmin || shared || projectId === caller.projectId,
      ),
    pools: () => all().filter(({ external }) => external),
    floatingAddresses: (projectId) =>
      [...floatingIps.all()].filter((each) => each.projectId === projectId).map(addressOf),
    findFloating: (id) => {
      const floating = floatingIps.find(id);
      return floating === undefined ? undefined : addressOf(floating);
    },
    allocate: async (networkId, projectId, requestId) => {
      const made = await orders.create({ networkId, projectId, description: '', requestId });
      return isRefusal(made) ? made : addressOf(made);
    },
    release: (id, requestId) => change(id, (floating) => orders.release(floating, requestId)),
    associate: (id, target, requestId) =>
      change(id, (floating) => orders.change(floating, { target, requestId })),
  };
}

function groupCalls({ env, router, networks, groups }: Parts): Pick<NetworkProxies, GroupCalls> {
  const tell = async (projectId: string, command: TenancyCommand, requestId: string) => {
    const answer = await router.ask(networkProjects.ref(projectId), command, { requestId });
    return isRefusal(answer) ? answer : undefined;
  };
  const changeId = () => env.random.uuid();
  return {
    groups: async (projectId, requestId) => {
      await networks.groups.ensureDefault(projectId, requestId);
      const own = [...networks.groups.all()].filter((each) => each.projectId === projectId);
      return own.flatMap(({ group }) => groups.find(group.id) ?? []);
    },
    allGroups: () => [...networks.groups.all()].flatMap(({ group }) => groups.find(group.id) ?? []),
    createGroup: async ({ projectId, name, description }, requestId) => {
      await networks.groups.ensureDefault(projectId, requestId);
      const id = env.random.uuid();
      const ids = [env.random.uuid(), env.random.uuid()];
      const refused = await tell(
        projectId,
        {
          type: 'network-project.create-group',
          group: { id, name, description, stateful: true, isDefault: false },
          rules: [...startingRules(id, false, ids)],
          groupQuota: networks.quota(projectId, 'security_group'),
          ruleQuota: networks.quota(projectId, 'security_group_rule'),
          changeId: changeId(),
        },
        requestId,
      );
      return refused ?? groups.find(id) ?? refuse('group-not-found', { groupId: id });
    },
    changeGroup: ({ id: groupId, projectId, name, description }, requestId) =>
      tell(
        projectId,
        { type: 'network-project.change-group', groupId, name, description, changeId: changeId() },
        requestId,
      ),
    removeGroup: async ({ id: groupId, projectId }, requestId) => {
      if (networks.index.portsOfGroup(groupId) > 0) return refuse('group-in-use', { groupId });
      const command = {
        type: 'network-project.delete-group',
        groupId,
        mayBeDefault: false,
      } as const;
      return tell(projectId, { ...command, changeId: changeId() }, requestId);
    },
    addRule: async (projectId, rule, requestId) => {
      const made = ruleRecord(rule, env.random.uuid());
      if (isRefusal(made)) return made;
      const ruleQuota = networks.quota(projectId, 'security_group_rule');
      const command = { type: 'network-project.add-rules', rules: [made], ruleQuota } as const;
      const refused = await tell(
        projectId,
        { ...command, rules: [made], changeId: changeId() },
        requestId,
      );
      return refused ?? made.id;
    },
    groupOfRule: (ruleId) => {
      const found = networks.groups.findRule(ruleId);
      return found === undefined ? undefined : groups.find(found.group.id);
    },
    removeRule: (projectId, ruleId, requestId) =>
      tell(
        projectId,
        { type: 'network-project.delete-rule', ruleId, changeId: changeId() },
        requestId,
      ),
  };
}

function ruleRecord(rule: GroupRule, id: string) {
  const { groupId, protocol, fromPort, toPort, cidr, remoteGroupId } = rule;
  const made = canonicalRule({
    id,
    groupId,
    direction: 'ingress',
    ethertype: cidr?.includes(':') === true ? 'IPv6' : 'IPv4',
    description: '',
    ...(protocol === undefined ? {} : { protocol }),
    ...(fromPort === undefined ? {} : { portMin: fromPort }),
    ...(toPort === undefined ? {} : { portMax: toPort }),
    ...(cidr === undefined ? {} : { remotePrefix: cidr }),
    ...(remoteGroupId === undefined ? {} : { remoteGroupId }),
  });
  return findRuleFault(made) ?? made;
}
