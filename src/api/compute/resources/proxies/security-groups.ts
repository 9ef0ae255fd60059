// /os-security-groups and /os-security-group-rules, until 2.35: the network service's groups in the form of the service
// before it, which knew incoming rules alone.
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import type { SecurityGroupRecord } from '../../context.ts';
import {
  badRequest,
  type ComputeFault,
  forbidden,
  notFound,
  refusalFault,
} from '../../envelope.ts';
import { formatChecks, isUuidLike } from '../../formats.ts';
import type { GroupRule, NetworkProxies } from '../../network-proxies.ts';
import { reprOf, strOf } from '../../python-words.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { groupView, ruleView } from '../../servers/security-groups.ts';

const PATH = '/os-security-groups';
const RULES = '/os-security-group-rules';
const until = 35;
const MAX_TEXT = 255;

const policy = <N extends string>(name: N) => `os-security-groups:${name}` as const;

export const securityGroupProxyRoutes: readonly ComputeRoute[] = [
  { method: 'GET', path: PATH, until, policy: policy('get'), handler: list },
  { method: 'POST', path: PATH, until, policy: policy('create'), handler: create },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    until,
    policy: policy('show'),
    handler: async (call) => ({ security_group: shown(call, await find(call)) }),
  },
  {
    method: 'PUT',
    path: `${PATH}/:id`,
    until,
    policy: policy('update'),
    handler: update,
  },
  {
    method: 'DELETE',
    path: `${PATH}/:id`,
    until,
    policy: policy('delete'),
    success: 202,
    handler: remove,
  },
  {
    method: 'POST',
    path: RULES,
    until,
    policy: policy('rule:create'),
    handler: createRule,
  },
  {
    method: 'DELETE',
    path: `${RULES}/:id`,
    until,
    policy: policy('rule:delete'),
    success: 202,
    handler: removeRule,
  },
];

async function proxies(call: ComputeCall): Promise<NetworkProxies> {
  const { networkProxies, views } = call.context;
  if (networkProxies === undefined) throw notFound();
  await views.barrier();
  return networkProxies;
}

function shown(call: ComputeCall, group: SecurityGroupRecord): object {
  return groupView(group, call.context.securityGroups);
}

async function list(call: ComputeCall): Promise<object> {
  const { caller, requestId, query } = call;
  const service = await proxies(call);
  const own = await service.groups(caller.projectId ?? '', requestId);
  const isWide = caller.isAdmin && query['all_tenants'] !== undefined;
  const groups = [...(isWide ? service.allGroups() : own)].sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
  const [limit, offset] = ['limit', 'offset'].map((name) => {
    const text = query[name]?.at(-1);
    if (text !== undefined && !/^\d+$/.test(text))
      throw badRequest(`${name} param must be an integer`);
    return text === undefined ? undefined : Number(text);
  });
  const start = offset ?? 0;
  const page = groups.slice(start, limit === undefined ? undefined : start + limit);
  return { security_groups: page.map((group) => shown(call, group)) };
}

async function find(call: ComputeCall, id = call.params['id'] ?? ''): Promise<SecurityGroupRecord> {
  await proxies(call);
  if (!isUuidLike(id)) throw badRequest('Security group id should be uuid');
  const group = call.context.securityGroups?.find(id);
  const isVisible = group !== undefined && (call.caller.isAdmin || isOwn(call, group));
  if (group === undefined || !isVisible) throw notFound(`Security group ${id} does not exist`);
  return group;
}

function isOwn(call: ComputeCall, group: SecurityGroupRecord): boolean {
  return group.projectId === call.caller.projectId;
}

function bodyPart(call: ComputeCall, name: string): Readonly<Record<string, unknown>> {
  const { body } = call;
  const part = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  if (typeof part !== 'object' || part === null) throw badRequest('The request body is invalid');
  return part as Readonly<Record<string, unknown>>;
}

/** Name and description, as they were given: spaces count, but not alone. */
function textIn(part: Readonly<Record<string, unknown>>, name: 'name' | 'description'): string {
  const value = part[name];
  if (typeof value !== 'string')
    throw badRequest(`Security group ${name} is not a string or unicode`);
  if (value.trim() === '') throw badRequest(`Security group ${name} cannot be empty.`);
  if (value.length > MAX_TEXT)
    throw badRequest(`Security group ${name} should not be greater than ${MAX_TEXT} characters.`);
  return value;
}

async function create(call: ComputeCall): Promise<object> {
  const part = bodyPart(call, 'security_group');
  const group = {
    projectId: call.caller.projectId ?? '',
    name: textIn(part, 'name'),
    description: textIn(part, 'description'),
  };
  if (group.name.trim().toLowerCase() === 'default')
    throw badRequest('Default security group already exists.');
  const made = await (await proxies(call)).createGroup(group, call.requestId);
  if (isRefusal(made)) throw faultOf(made, 'security groups');
  return { security_group: shown(call, made) };
}

async function update(call: ComputeCall): Promise<object> {
  const group = await find(call);
  const part = bodyPart(call, 'security_group');
  const [name, description] = [textIn(part, 'name'), textIn(part, 'description')];
  if (group.name === 'default') throw badRequest(`Unable to update system group '${group.name}'`);
  const { id, projectId } = group;
  const changed = { id, projectId, name, description };
  const refusal = await (await proxies(call)).changeGroup(changed, call.requestId);
  if (refusal !== undefined) throw faultOf(refusal, 'security groups');
  return { security_group: shown(call, await find(call)) };
}

async function remove(call: ComputeCall): Promise<void> {
  const group = await find(call);
  const refusal = await (await proxies(call)).removeGroup(group, call.requestId);
  if (refusal !== undefined) throw faultOf(refusal, 'security groups');
}

/** Nova has neither 409 nor 404 for what the network service refuses here. */
function faultOf(refusal: Refusal, things: string): ComputeFault {
  if (refusal.refused === 'network-quota') return forbidden(`Quota exceeded, too many ${things}.`);
  const fault = refusalFault(refusal);
  return fault.status === 409 ? badRequest(fault.message) : fault;
}

async function createRule(call: ComputeCall): Promise<object> {
  const part = bodyPart(call, 'security_group_rule');
  const parentId = part['parent_group_id'];
  if (typeof parentId !== 'string' && typeof parentId !== 'number')
    throw badRequest(`Parent or group id is not uuid`);
  const group = await find(call, String(parentId));
  const rule = await ruleIn(call, group.id, part);
  const made = await (await proxies(call)).addRule(group.projectId, rule, call.requestId);
  if (isRefusal(made)) {
    if (made.refused === 'rule-exists')
      throw badRequest(`This rule already exists in group ${group.id}`);
    throw faultOf(made, 'security group rules');
  }
  const kept = (await find(call, group.id)).rules.find(({ id }) => id === made);
  if (kept === undefined) throw notFound(`Security group rule ${made} does not exist`);
  return { security_group_rule: ruleView(group.id, kept, call.context.securityGroups) };
}

async function ruleIn(
  call: ComputeCall,
  groupId: string,
  part: Readonly<Record<string, unknown>>,
): Promise<GroupRule> {
  const source = part['group_id'];
  const hasSource = source !== undefined && source !== null && source !== '';
  const protocol = protocolIn(part['ip_protocol'], hasSource);
  const [fromPort, toPort] = portsIn(part, protocol, hasSource);
  const plain = { groupId, protocol, fromPort, toPort };
  if (!hasSource) return { ...plain, cidr: cidrIn(part['cidr']), remoteGroupId: undefined };
  const remoteGroupId = (await find(call, strOf(source))).id;
  return { ...plain, cidr: undefined, remoteGroupId };
}

function protocolIn(value: unknown, mayLack: boolean): string | undefined {
  if (value === undefined || value === null) {
    if (mayLack) return undefined;
    throw badRequest('Not enough parameters to build a valid rule.');
  }
  const name = strOf(value).toLowerCase();
  if (!['tcp', 'udp', 'icmp'].includes(name))
    throw badRequest(`Invalid IP protocol ${strOf(value)}.`);
  return name;
}

type Ports = readonly [number | undefined, number | undefined];

/** −1 is any, for ICMP. */
function portsIn(
  part: Readonly<Record<string, unknown>>,
  protocol: string | undefined,
  mayLack: boolean,
): Ports {
  const [from, to] = [part['from_port'], part['to_port']];
  const isMissing = (value: unknown) => value === undefined || value === null;
  if (isMissing(from) && isMissing(to) && mayLack) return [undefined, undefined];
  const [low, high] = [Number(from), Number(to)];
  const isNumber = (value: unknown) => /^-?\d+$/.test(strOf(value));
  const words = `Invalid port range ${strOf(from)}:${strOf(to)}. `;
  if (!isNumber(from) || !isNumber(to))
    throw badRequest(`${words}Valid TCP ports should be between 1-65535`);
  if (protocol === 'icmp') {
    if (low < -1 || low > 255 || high < -1 || high > 255)
      throw badRequest(`${words}For ICMP, the type:code must be valid`);
    return [low === -1 ? undefined : low, high === -1 ? undefined : high];
  }
  if (low > high) throw badRequest(`${words}Former value cannot be greater than the later`);
  if (low < 1 || high > 65_535)
    throw badRequest(
      `${words}Valid ${protocol === 'udp' ? 'UDP' : 'TCP'} ports should be between 1-65535`,
    );
  return [low, high];
}

function cidrIn(value: unknown): string {
  if (value === undefined || value === null) return '0.0.0.0/0';
  if (typeof value === 'string') {
    const text = value.includes('/') ? value : `${value}/${value.includes(':') ? 128 : 32}`;
    if (formatChecks['cidr']?.(text) === true) return text;
  }
  throw badRequest(`Invalid cidr ${typeof value === 'string' ? value : reprOf(value)}.`);
}

async function removeRule(call: ComputeCall): Promise<void> {
  const service = await proxies(call);
  const ruleId = call.params['id'] ?? '';
  const group = service.groupOfRule(ruleId);
  if (group === undefined || !(call.caller.isAdmin || isOwn(call, group)))
    throw notFound(`Security group rule ${ruleId} does not exist`);
  const refusal = await service.removeRule(group.projectId, ruleId, call.requestId);
  if (refusal !== undefined) throw faultOf(refusal, 'security group rules');
}
