// The shape of a row in the table of routes, what a handler is given, and who may call what. Pure.
import type { Caller } from '#actors/ports/identity.ts';
import type { Enforcer } from '../policy/enforcer.ts';
import type { PlacementRule } from '../policy/placement-rules-table.ts';
import type { ProviderCatalogue } from './catalogue.ts';
import type { Query } from './query.ts';
import type { PlacementWriter } from './writer.ts';

export interface PlacementCall {
  readonly catalogue: ProviderCatalogue;
  readonly writer: PlacementWriter;
  readonly minor: number;
  readonly query: Query;
  /** By the names in the row's path; never percent-encoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Not parsed; empty if there is none. */
  readonly body: Buffer;
  /** What links open with: `/placement`. */
  readonly prefix: string;
}

export interface PlacementAnswer {
  readonly status: number;
  /** To be written as JSON, or the bytes of JSON; undefined for an empty reply. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type PlacementHandler = (call: PlacementCall) => PlacementAnswer | Promise<PlacementAnswer>;

export interface PlacementRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `:name` for a variable part. */
  readonly path: string;
  /** The first minor version that has it. */
  readonly since: number;
  /** Undefined where no token is asked for. */
  readonly rule: PlacementRule | undefined;
  readonly handle: PlacementHandler;
  /** The status before `since`; 404 unless it is said otherwise. */
  readonly statusBefore?: 405;
  /** From which minor version on, up to which, a JSON body is asked for. */
  readonly takesBody?: { readonly upTo: number };
  /** Replies that have a body ask what the client accepts. */
  readonly givesBody?: boolean;
  /** Reads tell that they may not be kept, from 1.15 on; so do these writes, from the version that is said here. */
  readonly isFreshSince?: number;
}

export function answer(body: unknown): PlacementAnswer {
  return { status: 200, body };
}

export const noContent: PlacementAnswer = { status: 204 };

/** Rules are asked about the project that the query names, if it does. */
export function mayCall(
  caller: Caller,
  { rule }: Pick<PlacementRoute, 'rule'>,
  { policy, query }: { readonly policy: Enforcer; readonly query: Query },
): boolean {
  return rule === undefined || policy.allows(rule, caller, { projectId: query.get('project_id') });
}
