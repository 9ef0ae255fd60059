// Which quota limits are in force: the project's own, else those of the class `default`, else the configured ones.
import { defaultQuotaLimits, limitsInForce } from '#actors/project/core.ts';
import {
  DEFAULT_QUOTA_CLASS,
  type ProjectState,
  type QuotaLimits,
} from '#actors/project/protocol.ts';
import type { ServerGroupsState } from '#actors/group/protocol.ts';
import type { StateView } from '#runtime/events/projection.ts';

export interface QuotaSources {
  readonly projects: StateView<ProjectState>;
  readonly quotaDefaults?: QuotaLimits;
}

/** What the class `default` says instead of the configured limits; for `project.reserve`. */
export function classLimitsOf(sources: QuotaSources): Partial<QuotaLimits> {
  return sources.projects.get(DEFAULT_QUOTA_CLASS)?.limits ?? {};
}

/** For every project that has no limits of its own. */
export function usualLimits(sources: QuotaSources): QuotaLimits {
  return limitsInForce(sources.quotaDefaults ?? defaultQuotaLimits, classLimitsOf(sources));
}

export function limitsOf(sources: QuotaSources, projectId: string | undefined): QuotaLimits {
  const own = projectId === undefined ? {} : (sources.projects.get(projectId)?.limits ?? {});
  return limitsInForce(usualLimits(sources), own);
}

/** Server groups of a project, or of one user in it. */
export function groupsInUse(
  { serverGroups }: { readonly serverGroups: StateView<ServerGroupsState> },
  { projectId, userId }: { readonly projectId: string; readonly userId?: string },
): number {
  const groups = serverGroups.get(projectId)?.groups ?? [];
  if (userId === undefined) return groups.length;
  return groups.filter((group) => group.userId === userId).length;
}
