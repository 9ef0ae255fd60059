// Security groups and their rules, as data: nothing on the hosts enforces them yet.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '#actors/ports/identity.ts';
import type { FoundGroup } from '#actors/services/network/security-groups.ts';
import { startingRules } from '#actors/services/network/security-rules.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { isPassing } from '#api/passing-trouble.ts';
import { bodiesOf, bodyOf, parseChange, parseNew } from './attributes.ts';
import { type Item, listReply, queryOf, view } from './collection.ts';
import { type NetworkAccess, owns, requireWriter } from './network-access.ts';
import { idOf } from './network-routes.ts';
import { errorOf, NetworkHttpError } from './neutron-error.ts';
import { groupTable, ruleTable } from './resource-tables.ts';
import { renderGroup, renderRule } from './resource-views.ts';
import { newRule } from './rule-body.ts';

const GROUPS = '/v2.0/security-groups';
const RULES = '/v2.0/security-group-rules';

export function securityRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(GROUPS, (request) => listGroups(access, request));
  app.post(GROUPS, (request, reply) => createGroup(access, request, reply));
  app.get(`${GROUPS}/:id`, (request) => showGroup(access, request));
  app.put(`${GROUPS}/:id`, (request) => changeGroup(access, request));
  app.delete(`${GROUPS}/:id`, (request, reply) => deleteGroup(access, request, reply));
  app.get(RULES, (request) => listRules(access, request));
  app.post(RULES, (request, reply) => createRules(access, request, reply));
  app.get(`${RULES}/:id`, (request) => showRule(access, request));
  app.delete(`${RULES}/:id`, (request, reply) => deleteRule(access, request, reply));
}

/**
 * A project has its default group before it sees its groups for the first time. With the store away it is a look all the
 * same, without that group.
 */
async function prepare(access: NetworkAccess, request: FastifyRequest): Promise<void> {
  await access.settle();
  const query = queryOf(request);
  const asked = query.get('project_id') ?? query.get('tenant_id') ?? undefined;
  const { caller } = request;
  const projectId = asked !== undefined && owns(caller, asked) ? asked : caller.projectId;
  try {
    await access.ensureDefaultGroup(request, projectId);
  } catch (error) {
    if (!isPassing(error)) throw error;
    access.context.env.log.debug({ err: error, projectId }, 'no default security group was made');
  }
}

function* groupsOf(access: NetworkAccess, caller: Caller): Iterable<FoundGroup> {
  for (const found of access.embedded.groups.all()) if (owns(caller, found.projectId)) yield found;
}

function findGroup(access: NetworkAccess, caller: Caller, groupId: string): FoundGroup {
  const found = access.embedded.groups.find(groupId);
  if (found === undefined || !owns(caller, found.projectId))
    throw errorOf(refuse('group-not-found', { groupId }));
  return found;
}

async function listGroups(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await prepare(access, request);
  const groups = [...groupsOf(access, request.caller)].map(renderGroup);
  return listReply(groupTable, groups, { request, base: access.base(request) });
}

function groupReply(
  request: FastifyRequest,
  found: FoundGroup,
  fields?: readonly string[],
): object {
  return { security_group: view(groupTable, renderGroup(found), request.caller, fields) };
}

async function showGroup(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await prepare(access, request);
  const found = findGroup(access, request.caller, idOf(request));
  return groupReply(request, found, queryOf(request).getAll('fields'));
}

function refuseDefaultName(name: unknown): void {
  if (typeof name === 'string' && name.toLowerCase() === 'default')
    throw new NetworkHttpError(
      409,
      'SecurityGroupDefaultAlreadyExists',
      'Default security group already exists.',
    );
}

async function createGroup(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'create_security_group');
  const body = bodyOf(groupTable, request.body);
  refuseDefaultName(body['name']);
  await access.settle();
  const { values, projectId } = parseNew(groupTable, body, { caller, ownsNetwork: true });
  await access.ensureDefaultGroup(request, projectId);
  const groupId = access.newId();
  const ids = [access.newId(), access.newId()];
  await access.askProject(request, projectId, {
    type: 'network-project.create-group',
    group: {
      id: groupId,
      name: values['name'] as string,
      description: values['description'] as string,
      stateful: values['stateful'] as boolean,
      isDefault: false,
    },
    rules: [...startingRules(groupId, false, ids)],
    groupQuota: access.embedded.quota(projectId, 'security_group'),
    ruleQuota: access.embedded.quota(projectId, 'security_group_rule'),
    changeId: access.newId(),
  });
  return reply.code(201).send(groupReply(request, findGroup(access, caller, groupId)));
}

async function changeGroup(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  requireWriter(caller, 'update_security_group');
  const body = bodyOf(groupTable, request.body);
  await access.settle();
  const { projectId, group } = findGroup(access, caller, idOf(request));
  if (body['name'] !== group.name) refuseDefaultName(body['name']);
  const values = parseChange(groupTable, body, { caller, ownsNetwork: true });
  const { name, description, stateful } = values as {
    name?: string;
    description?: string;
    stateful?: boolean;
  };
  if (stateful !== undefined && stateful !== group.stateful)
    if (access.embedded.index.portsOfGroup(group.id) > 0)
      throw errorOf(refuse('group-in-use', { groupId: group.id }));
  await access.askProject(request, projectId, {
    type: 'network-project.change-group',
    groupId: group.id,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(stateful === undefined ? {} : { stateful }),
    changeId: access.newId(),
  });
  return groupReply(request, findGroup(access, caller, group.id));
}

async function deleteGroup(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'delete_security_group');
  await access.settle();
  const { projectId, group } = findGroup(access, caller, idOf(request));
  if (access.embedded.index.portsOfGroup(group.id) > 0)
    throw errorOf(refuse('group-in-use', { groupId: group.id }));
  await access.askProject(request, projectId, {
    type: 'network-project.delete-group',
    groupId: group.id,
    mayBeDefault: caller.isAdmin,
    changeId: access.newId(),
  });
  return reply.code(204).send();
}

async function listRules(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await prepare(access, request);
  const rules: Item[] = [];
  for (const { projectId, group } of groupsOf(access, request.caller))
    for (const rule of group.rules) rules.push(renderRule(projectId, rule));
  return listReply(ruleTable, rules, { request, base: access.base(request) });
}

function ruleView(access: NetworkAccess, request: FastifyRequest, ruleId: string): Item {
  const { caller } = request;
  const found = access.embedded.groups.findRule(ruleId);
  if (found === undefined || !owns(caller, found.projectId))
    throw errorOf(refuse('rule-not-found', { ruleId }));
  const fields = queryOf(request).getAll('fields');
  return view(ruleTable, renderRule(found.projectId, found.rule), caller, fields);
}

async function showRule(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  return { security_group_rule: ruleView(access, request, idOf(request)) };
}

async function createRules(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'create_security_group_rule');
  const { isBulk, bodies } = bodiesOf(ruleTable, request.body);
  await access.settle();
  const rules = bodies.map((body) => {
    const { values } = parseNew(ruleTable, body, { caller, ownsNetwork: true });
    return newRule(values, access.newId());
  });
  const groupIds = new Set(rules.map((rule) => rule.groupId));
  if (groupIds.size > 1)
    throw new NetworkHttpError(
      400,
      'SecurityGroupNotSingleGroupRules',
      'Only allowed to update rules for one security profile at a time',
    );
  const { projectId } = findGroup(access, caller, rules[0]?.groupId ?? '');
  for (const { remoteGroupId } of rules)
    if (remoteGroupId !== undefined) findGroup(access, caller, remoteGroupId);
  await access.askProject(request, projectId, {
    type: 'network-project.add-rules',
    rules,
    ruleQuota: access.embedded.quota(projectId, 'security_group_rule'),
    changeId: access.newId(),
  });
  const made = rules.map((rule) => ruleView(access, request, rule.id));
  return reply
    .code(201)
    .send(isBulk ? { security_group_rules: made } : { security_group_rule: made[0] });
}

async function deleteRule(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  requireWriter(request.caller, 'delete_security_group_rule');
  await access.settle();
  const ruleId = idOf(request);
  ruleView(access, request, ruleId);
  const projectId = access.embedded.groups.findRule(ruleId)?.projectId ?? '';
  await access.askProject(request, projectId, {
    type: 'network-project.delete-rule',
    ruleId,
    changeId: access.newId(),
  });
  return reply.code(204).send();
}
