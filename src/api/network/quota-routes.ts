// Quotas of projects: how many networks, subnets, ports, groups and rules each may have.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type QuotaResource, quotaResources } from '#actors/services/network/settings.ts';
import { type NetworkAccess, owns } from './network-access.ts';
import { idOf } from './network-routes.ts';
import { badRequest, NetworkHttpError, notAuthorized } from './neutron-error.ts';
import { isRecord, show, toInteger } from './values.ts';

const PATH = '/v2.0/quotas';

export function quotaRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(PATH, (request) => listQuotas(access, request));
  app.get(`${PATH}/:id`, (request) => showQuota(access, request));
  app.get(`${PATH}/:id/default`, (request) => showDefault(access, request));
  for (const suffix of ['details', 'details.json'])
    app.get(`${PATH}/:id/${suffix}`, (request) => showDetails(access, request));
  app.put(`${PATH}/:id`, (request) => changeQuota(access, request));
  app.delete(`${PATH}/:id`, (request, reply) => resetQuota(access, request, reply));
}

function requireAdmin(request: FastifyRequest, rule: string): void {
  if (!request.caller.isAdmin) throw notAuthorized(rule);
}

async function listQuotas(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  requireAdmin(request, 'get_quota');
  await access.settle();
  const quotas = [...access.tenancies.values()]
    .filter((tenancy) => Object.keys(tenancy.quotas).length > 0)
    .map(({ id }) => ({ ...limitsOf(access, id), tenant_id: id, project_id: id }));
  return { quotas };
}

/** `tenant` and `project` stand for whose the caller is. */
async function showQuota(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const id = idOf(request);
  const { caller } = request;
  if (id === 'tenant' || id === 'project')
    return { [id]: { tenant_id: caller.projectId ?? null, project_id: caller.projectId ?? null } };
  if (!owns(caller, id)) throw notAuthorized('get_quota');
  return { quota: limitsOf(access, id) };
}

async function showDefault(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  if (!owns(request.caller, idOf(request))) throw notAuthorized('get_quota');
  return { quota: access.embedded.settings.quotas };
}

async function showDetails(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const projectId = idOf(request);
  if (!owns(request.caller, projectId)) throw notAuthorized('get_quota');
  const details = quotaResources.map((resource) => [
    resource,
    {
      limit: access.embedded.quota(projectId, resource),
      used: usedOf(access, projectId, resource),
      reserved: 0,
    },
  ]);
  return { quota: Object.fromEntries(details) as object };
}

function limitsOf(access: NetworkAccess, projectId: string): Record<QuotaResource, number> {
  const limits = quotaResources.map((name) => [name, access.embedded.quota(projectId, name)]);
  return Object.fromEntries(limits) as Record<QuotaResource, number>;
}

function usedOf(access: NetworkAccess, projectId: string, resource: QuotaResource): number {
  const groups = access.tenancies.get(projectId)?.groups ?? [];
  if (resource === 'security_group') return groups.length;
  if (resource === 'security_group_rule')
    return groups.reduce((sum, group) => sum + group.rules.length, 0);
  if (resource === 'floatingip') return access.embedded.floatingIps.count(projectId);
  if (resource === 'router')
    return [...access.routers.values()].filter(
      ({ status, attributes }) => status === 'present' && attributes.projectId === projectId,
    ).length;
  return access.embedded.index.count(resource, projectId);
}

async function changeQuota(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  requireAdmin(request, 'update_quota');
  await access.settle();
  const projectId = idOf(request);
  const quotas = parseQuotas(request.body);
  await access.askProject(request, projectId, {
    type: 'network-project.set-quotas',
    quotas,
    changeId: access.newId(),
  });
  return { quota: limitsOf(access, projectId) };
}

function parseQuotas(body: unknown): Record<string, number> {
  const own = isRecord(body) ? body['quota'] : undefined;
  if (!isRecord(own)) throw badRequest("Unable to find 'quota' in request body");
  const quotas: Record<string, number> = {};
  for (const [name, value] of Object.entries(own)) {
    if (name === 'tenant_id' || name === 'project_id' || name === 'force') continue;
    if (!(quotaResources as readonly string[]).includes(name))
      throw badRequest(`Unrecognized attribute(s) '${name}'`);
    const limit = toInteger(value) as number;
    if (limit < -1 || limit > 2_147_483_647)
      throw new NetworkHttpError(
        400,
        'HTTPBadRequest',
        `Invalid input for ${name}. Reason: '${show(value)}' is not between -1 and 2147483647.`,
      );
    quotas[name] = limit;
  }
  return quotas;
}

async function resetQuota(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  requireAdmin(request, 'delete_quota');
  await access.settle();
  const projectId = idOf(request);
  if (Object.keys(access.tenancies.get(projectId)?.quotas ?? {}).length === 0)
    throw new NetworkHttpError(
      404,
      'TenantQuotaNotFound',
      `Quota for tenant ${projectId} could not be found.`,
    );
  await access.askProject(request, projectId, {
    type: 'network-project.reset-quotas',
    changeId: access.newId(),
  });
  return reply.code(204).send();
}
