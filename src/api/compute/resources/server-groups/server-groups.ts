// /os-server-groups: servers that belong together, or apart. A group is its project's; who is asked for another project's
// answers 403, as Nova does. Members are the servers that exist, in the order in which they joined.
import { userOf } from '#actors/project/evolve.ts';
import { type GroupPolicy, type ServerGroup, serverGroups } from '#actors/group/protocol.ts';
import { badRequest, notFound } from '../../envelope.ts';
import { allows } from '../../policy.ts';
import type { PolicyTarget } from '../../../policy/evaluate.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { MAX_PAGE } from '../paging.ts';
import { limitsOf } from '../quotas/quota-limits.ts';
import { createServerGroup, listServerGroups } from './server-group-schemas.ts';

export const serverGroupRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-server-groups',
    query: listServerGroups,
    policy: 'os-server-groups:index',
    handler: list,
  },
  {
    method: 'POST',
    path: '/os-server-groups',
    body: createServerGroup,
    policy: 'os-server-groups:create',
    handler: create,
  },
  {
    method: 'GET',
    path: '/os-server-groups/:id',
    policy: 'os-server-groups:show',
    policyTarget,
    handler: async (call) => {
      const { projectId, group } = await find(call);
      return { server_group: view(call, projectId, group) };
    },
  },
  {
    method: 'DELETE',
    path: '/os-server-groups/:id',
    policy: 'os-server-groups:delete',
    policyTarget,
    success: 204,
    handler: async (call) => {
      const { projectId, group } = await find(call);
      await ask(call, serverGroups.ref(projectId), {
        type: 'server-group.delete',
        groupId: group.id,
      });
    },
  },
];

interface Found {
  readonly projectId: string;
  readonly group: ServerGroup;
}

/** Throws a 404 for one that is not there, before policy is asked about its project. */
async function find(call: ComputeCall): Promise<Found> {
  await call.context.views.barrier();
  const id = call.params['id'] ?? '';
  for (const found of allGroups(call)) if (found.group.id === id.toLowerCase()) return found;
  throw notFound(`Instance group ${id} could not be found.`);
}

async function policyTarget(call: ComputeCall): Promise<PolicyTarget> {
  const { projectId } = await find(call);
  return { projectId };
}

/** The caller's own project first: what is asked for is nearly always there. */
function* allGroups(call: ComputeCall): Iterable<Found> {
  const { serverGroups: states } = call.context;
  const own = states.get(call.caller.projectId ?? '');
  for (const group of own?.groups ?? []) yield { projectId: own?.id ?? '', group };
  for (const state of states.values())
    if (state.id !== own?.id)
      for (const group of state.groups) yield { projectId: state.id, group };
}

/** `all_projects` of one who may not is not heard, as in Nova. */
async function list(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  const { projectId } = call.caller;
  const all = [...allGroups(call)];
  const isForAll =
    call.query['all_projects'] !== undefined && allows(call, 'os-server-groups:index:all_projects');
  const shown = isForAll ? all : all.filter((found) => found.projectId === projectId);
  const offset = Number(call.queryValue('offset') ?? 0);
  const asked = Number(call.queryValue('limit') ?? MAX_PAGE);
  const limit = asked === 0 ? MAX_PAGE : Math.min(asked, MAX_PAGE);
  const page = shown.slice(offset, offset + limit);
  return { server_groups: page.map(({ projectId: id, group }) => view(call, id, group)) };
}

interface CreateBody {
  readonly server_group: {
    readonly name: string;
    readonly policies?: readonly GroupPolicy[];
    readonly policy?: GroupPolicy;
    readonly rules?: { readonly max_server_per_host?: number | string };
  };
}

async function create(call: ComputeCall): Promise<object> {
  const { name, policies, policy: only, rules } = (call.body as CreateBody).server_group;
  const policy = only ?? policies?.[0];
  if (policy === undefined) throw badRequest('A server group needs a policy.');
  const most = rules?.max_server_per_host;
  if (policy !== 'anti-affinity' && rules !== undefined && Object.keys(rules).length > 0)
    throw badRequest('Only anti-affinity policy supports rules.');
  const { projectId, userId } = call.caller;
  if (projectId === undefined)
    throw badRequest('The token has no project to create a server group in.');
  const { context } = call;
  await context.views.barrier();
  const groupId = context.env.random.uuid();
  const maxServerPerHost = most === undefined ? undefined : Number(most);
  const ofUser = context.projects.get(projectId);
  const userLimit = ofUser === undefined ? undefined : userOf(ofUser, userId).limits.server_groups;
  await ask(call, serverGroups.ref(projectId), {
    type: 'server-group.create',
    group: {
      groupId,
      name: name.trim(),
      policy,
      userId,
      ...(maxServerPerHost === undefined ? {} : { maxServerPerHost }),
    },
    limit: limitsOf(context, projectId).server_groups,
    ...(userLimit === undefined ? {} : { userLimit }),
  });
  const group: ServerGroup = {
    id: groupId,
    name: name.trim(),
    policy,
    maxServerPerHost,
    userId,
    createdAtMs: context.env.clock.now(),
    members: [],
  };
  return { server_group: view(call, projectId, group) };
}

function view(call: ComputeCall, projectId: string, group: ServerGroup): object {
  const { id, name, policy, maxServerPerHost, members, userId } = group;
  const rules = maxServerPerHost === undefined ? {} : { max_server_per_host: maxServerPerHost };
  return {
    id,
    name,
    ...(call.from(64) ? { policy, rules } : { policies: [policy], metadata: {} }),
    members: members.map(({ serverId }) => serverId),
    ...(call.from(13) ? { project_id: projectId, user_id: userId } : {}),
  };
}
