// Servers and their server groups, as POST /servers and the views need them: the hint `group` must name a group of the
// server's project; new servers join it before they are created, so that its quota is kept when many ask at once.
import { findGroup } from '#actors/group/evolve.ts';
import { serverGroups } from '#actors/group/protocol.ts';
import { groupIdOf } from '#actors/instance/group-claims.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { userOf } from '#actors/project/evolve.ts';
import { projects } from '#actors/project/protocol.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { badRequest, refusalFault } from '../envelope.ts';
import { limitsOf } from '../resources/quotas/quota-limits.ts';
import type { ComputeCall } from '../route.ts';

/** Throws a 400 when the hint names no group of the project. */
export function checkGroup(
  call: ComputeCall,
  { projectId, hints }: Pick<ServerRequest, 'projectId' | 'hints'>,
): void {
  const groupId = groupIdOf({ hints });
  if (groupId === undefined) return;
  const ofProject = call.context.serverGroups.get(projectId);
  if (ofProject === undefined || findGroup(ofProject, groupId) === undefined)
    throw groupGone(groupId);
}

function groupGone(groupId: string) {
  return badRequest(`Instance group ${groupId} could not be found.`);
}

/** Members, all or none; when the group has no room, the servers' quota goes back and Nova's 403 is thrown. */
export async function joinGroup(
  call: ComputeCall,
  request: Pick<ServerRequest, 'projectId' | 'hints' | 'userId'>,
  serverIds: readonly string[],
): Promise<void> {
  const groupId = groupIdOf(request);
  if (groupId === undefined) return;
  const { router } = call.context;
  const { projectId, userId } = request;
  const answer = await router.ask(
    serverGroups.ref(projectId),
    {
      type: 'server-group.join',
      groupId,
      serverIds: [...serverIds],
      userId,
      limit: memberLimit(call, request),
    },
    { requestId: call.requestId },
  );
  if (!isRefusal(answer)) return;
  for (const serverId of serverIds)
    await router.ask(
      projects.ref(projectId),
      { type: 'project.release', serverId },
      { requestId: call.requestId },
    );
  throw answer.refused === 'server-group-not-found' ? groupGone(groupId) : refusalFault(answer);
}

/** How many servers one user may have in a group. */
function memberLimit(
  call: ComputeCall,
  { projectId, userId }: Pick<ServerRequest, 'projectId' | 'userId'>,
): number {
  const project = call.context.projects.get(projectId);
  const own = project === undefined ? {} : userOf(project, userId).limits;
  return own.server_group_members ?? limitsOf(call.context, projectId).server_group_members;
}

/** From 2.71 on: the group that the server is a member of. */
export function serverGroupsOf(
  call: ComputeCall,
  { id, request }: InstanceState,
): readonly string[] {
  const groupId = groupIdOf(request);
  if (request === undefined || groupId === undefined) return [];
  const ofProject = call.context.serverGroups.get(request.projectId);
  const group = ofProject === undefined ? undefined : findGroup(ofProject, groupId);
  return group?.members.some(({ serverId }) => serverId === id) === true ? [group.id] : [];
}
