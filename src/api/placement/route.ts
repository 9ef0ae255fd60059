// The shape of a row in the table of routes, what a handler is given, and who may call what. Pure.
import type { Caller } from '#actors/ports/identity.ts';
import type { ProviderCatalogue } from './catalogue.ts';
import type { Query } from './query.ts';

export interface PlacementCall {
  readonly catalogue: ProviderCatalogue;
  readonly minor: number;
  readonly query: Query;
  /** By the names in the row's path; never percent-encoded. */
  readonly params: Readonly<Record<string, string>>;
  /** What links open with: `/placement`. */
  readonly prefix: string;
}

export interface PlacementAnswer {
  readonly status: number;
  /** JSON; undefined for an empty reply. */
  readonly body?: unknown;
}

export type PlacementHandler = (call: PlacementCall) => PlacementAnswer;

export interface PlacementRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `:name` for a variable part. */
  readonly path: string;
  /** The first minor version that has it. */
  readonly since: number;
  /** Placement's policy rule; undefined where no token is asked for. */
  readonly rule: string | undefined;
  /** Without `handle`: a call that Placement has and this service does not; says what is not there. */
  readonly missing?: string;
  readonly handle?: PlacementHandler;
  /** Replies without a body don't ask what the client accepts. */
  readonly acceptsAnything?: boolean;
}

export function answer(body: unknown): PlacementAnswer {
  return { status: 200, body };
}

/** Administrators and services may do all, system readers may look, a project's readers may see its usage. */
export function mayCall(
  caller: Caller,
  { method, rule }: Pick<PlacementRoute, 'method' | 'rule'>,
  query: Query,
): boolean {
  if (rule === undefined || caller.isAdmin || caller.roles.includes('service')) return true;
  if (method !== 'GET' || !caller.roles.includes('reader')) return false;
  if (caller.system) return true;
  return (
    rule === 'placement:usages' &&
    caller.projectId !== undefined &&
    caller.projectId === query.get('project_id')
  );
}
