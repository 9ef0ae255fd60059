// Who sees an image, and who owns it. Pure. Rules: Glance's default policies.
import type { Caller } from '../../ports/identity.ts';
import { findMember, type ImageState, isListed } from './state.ts';

/** Whether `GET /v2/images/{id}` shows it. Members of a shared image see it before they accept it. */
export function canSee(image: ImageState, caller: Caller): boolean {
  if (!isListed(image)) return false;
  if (caller.isAdmin || isOwner(image, caller)) return true;
  const { visibility } = image.attributes;
  if (visibility === 'public' || visibility === 'community') return true;
  return visibility === 'shared' && memberOf(image, caller) !== undefined;
}

export function isOwner(image: ImageState, caller: Caller): boolean {
  return caller.projectId !== undefined && caller.projectId === image.attributes.ownerId;
}

/** Owners who may write, and administrators. */
export function mayChange(image: ImageState, caller: Caller): boolean {
  return caller.isAdmin || (isOwner(image, caller) && caller.roles.includes('member'));
}

export function memberOf(
  image: ImageState,
  caller: Caller,
): 'pending' | 'accepted' | 'rejected' | undefined {
  if (caller.projectId === undefined) return undefined;
  return findMember(image, caller.projectId)?.status;
}

export interface ListScope {
  /** `all`, or undefined for what a project works with. */
  readonly visibility: string | undefined;
  readonly memberStatus: 'pending' | 'accepted' | 'rejected' | 'all';
}

/** Whether a list shows it: shared images only in the wanted member status, community images only when asked for. */
export function isInList(image: ImageState, caller: Caller, scope: ListScope): boolean {
  if (!isListed(image)) return false;
  const { visibility } = image.attributes;
  if (scope.visibility !== undefined && scope.visibility !== 'all')
    if (visibility !== scope.visibility) return false;
  if (isOwner(image, caller)) return true;
  if (visibility === 'community' && scope.visibility === undefined) return false;
  if (caller.isAdmin || visibility === 'public' || visibility === 'community') return true;
  if (visibility !== 'shared') return false;
  const status = memberOf(image, caller);
  return status !== undefined && (scope.memberStatus === 'all' || status === scope.memberStatus);
}
