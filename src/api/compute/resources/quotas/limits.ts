// /limits: how much a project may use and uses, in one object. There are no rate limits.
import { badRequest } from '../../envelope.ts';
import { textQuery } from '../../parameter-types.ts';
import { demand } from '../../policy.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { groupsInUse, limitsOf } from './quota-limits.ts';
import { queryRanges } from '../query-schemas.ts';

export const limitRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/limits',
    query: queryRanges({ tenant_id: textQuery, reserved: textQuery }),
    policy: 'limits',
    handler: show,
  },
];

async function show(call: ComputeCall): Promise<object> {
  const projectId = call.queryValue('tenant_id') ?? call.caller.projectId;
  if (projectId !== call.caller.projectId) demand(call, 'limits:other_project', { projectId });
  if (projectId !== undefined && !call.context.identity.projectExists(projectId))
    throw badRequest(`Project ID ${projectId} is not a valid project.`);
  await call.context.views.barrier();
  return { limits: { rate: [], absolute: absoluteLimits(call, projectId) } };
}

function absoluteLimits(
  call: ComputeCall,
  projectId: string | undefined,
): Readonly<Record<string, number>> {
  const limits = limitsOf(call.context, projectId);
  const used = (projectId === undefined ? undefined : call.context.projects.get(projectId))?.used;
  const always = {
    maxTotalInstances: limits.instances,
    maxTotalCores: limits.cores,
    maxTotalRAMSize: limits.ram,
    maxServerMeta: limits.metadata_items,
    maxTotalKeypairs: limits.key_pairs,
    maxServerGroups: limits.server_groups,
    maxServerGroupMembers: limits.server_group_members,
    totalRAMUsed: used?.ram ?? 0,
    totalCoresUsed: used?.cores ?? 0,
    totalInstancesUsed: used?.instances ?? 0,
    totalServerGroupsUsed: projectId === undefined ? 0 : groupsInUse(call.context, { projectId }),
  };
  const network = {
    maxTotalFloatingIps: -1,
    maxSecurityGroups: -1,
    maxSecurityGroupRules: -1,
    totalFloatingIpsUsed: 0,
    totalSecurityGroupsUsed: 0,
  };
  const personality = {
    maxPersonality: limits.injected_files,
    maxPersonalitySize: limits.injected_file_content_bytes,
  };
  return {
    ...always,
    ...(call.from(36) ? {} : network),
    ...(call.from(39) ? {} : { maxImageMeta: limits.metadata_items }),
    ...(call.from(57) ? {} : personality),
  };
}
