// /os-quota-sets: limits of a project, or of a user in it, and how much is in use.
import { limitsInForce } from '#actors/project/core.ts';
import { userOf } from '#actors/project/evolve.ts';
import { projects, type QuotaLimits } from '#actors/project/protocol.ts';
import { badRequest } from '../../envelope.ts';
import { isTrue } from '../../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { classLimitsOf, groupsInUse, limitsOf, usualLimits } from './quota-limits.ts';
import { type QuotaName, quotaSetNames, updateQuotaSet, userQuery } from './quota-schemas.ts';

const path = '/os-quota-sets/:id';
const policyTarget = (call: ComputeCall) => ({ projectId: projectOf(call) });

export const quotaSetRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path,
    query: userQuery,
    policy: 'os-quota-sets:show',
    policyTarget,
    handler: async (call) => {
      const limits = await readLimits(call);
      return { quota_set: { id: projectOf(call), ...fieldsOf(call, (name) => limits(name)) } };
    },
  },
  {
    method: 'GET',
    path: `${path}/detail`,
    query: userQuery,
    policy: 'os-quota-sets:detail',
    policyTarget,
    handler: detail,
  },
  {
    method: 'GET',
    path: `${path}/defaults`,
    policy: 'os-quota-sets:defaults',
    policyTarget,
    handler: async (call) => {
      checkProject(call);
      await call.context.views.barrier();
      const usual = lookup(usualLimits(call.context));
      return { quota_set: { id: projectOf(call), ...fieldsOf(call, usual) } };
    },
  },
  {
    method: 'PUT',
    path,
    query: userQuery,
    policy: 'os-quota-sets:update',
    policyTarget,
    body: updateQuotaSet,
    handler: update,
  },
  {
    method: 'DELETE',
    path,
    query: userQuery,
    policy: 'os-quota-sets:delete',
    policyTarget,
    success: 202,
    handler: async (call) => {
      await ask(call, projects.ref(projectOf(call)), {
        type: 'project.reset-limits',
        ...ofUser(call),
      });
    },
  },
];

function projectOf(call: ComputeCall): string {
  return call.params['id'] ?? '';
}

function ofUser(call: ComputeCall): { readonly userId?: string } {
  const userId = call.queryValue('user_id');
  return userId === undefined ? {} : { userId };
}

/** No project has quota that does not exist. */
function checkProject(call: ComputeCall): void {
  const projectId = projectOf(call);
  if (!call.context.identity.projectExists(projectId))
    throw badRequest(`Project ID ${projectId} is not a valid project.`);
}

type Lookup = (name: QuotaName) => number;

function lookup(limits: QuotaLimits): Lookup {
  return (name) => limits[name] ?? -1;
}

async function readLimits(call: ComputeCall): Promise<Lookup> {
  checkProject(call);
  await call.context.views.barrier();
  const { userId } = ofUser(call);
  const ofProject = limitsOf(call.context, projectOf(call));
  const state = call.context.projects.get(projectOf(call));
  const own = state === undefined || userId === undefined ? {} : userOf(state, userId).limits;
  return lookup(limitsInForce(ofProject, own));
}

function fieldsOf<T>(call: ComputeCall, field: (name: QuotaName) => T): Record<string, T> {
  return Object.fromEntries(quotaSetNames(call.microversion).map((name) => [name, field(name)]));
}

async function detail(call: ComputeCall): Promise<object> {
  const limits = await readLimits(call);
  const { userId } = ofUser(call);
  const state = call.context.projects.get(projectOf(call));
  const used: Readonly<Partial<Record<QuotaName, number>>> =
    state === undefined ? {} : userId === undefined ? state.used : userOf(state, userId).used;
  const field = (name: QuotaName): object => ({
    limit: limits(name),
    in_use:
      name === 'server_groups'
        ? groupsInUse(call.context, { projectId: projectOf(call), ...ofUser(call) })
        : (used[name] ?? 0),
    reserved: 0,
  });
  return { quota_set: { id: projectOf(call), ...fieldsOf(call, field) } };
}

async function update(call: ComputeCall): Promise<object> {
  checkProject(call);
  const { force, ...asked } = (
    call.body as { quota_set: Readonly<Record<string, string | number | boolean>> }
  ).quota_set;
  await call.context.views.barrier();
  await ask(call, projects.ref(projectOf(call)), {
    type: 'project.set-limits',
    limits: Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, Number(value)])),
    force: isTrue(force),
    classLimits: classLimitsOf(call.context),
    ...ofUser(call),
  });
  const limits = await readLimits(call);
  return { quota_set: fieldsOf(call, limits) };
}
