// What a compute API call is: one row of a table. The plugin registers the rows, perform.ts runs them; documents and
// tests are made from the same rows. Every resource file exports `readonly ComputeRoute[]`.
import type { Caller } from '#actors/ports/identity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { ComputeContext } from './context.ts';
import type { ComputeRule } from '../policy/compute-rules-table.ts';
import type { PolicyTarget } from '../policy/evaluate.ts';
import type { ServerReads } from './servers/reads.ts';
import type { JsonSchema } from './validation.ts';

/** Microversions by their minor number, both ends included. `since: 0` means /v2 as well as 2.1. */
export interface VersionRange {
  /** Default 0. */
  readonly since?: number;
  /** Default: for ever. */
  readonly until?: number;
}

export interface SchemaRange extends VersionRange {
  readonly schema: JsonSchema;
}

/** A success code, or the codes by version, oldest first. */
export type SuccessCode = number | readonly (VersionRange & { readonly code: number })[];

/** What a handler gets. */
export interface ComputeCall {
  readonly context: ComputeContext;
  /** Servers by project, and their cached JSON. */
  readonly reads: ServerReads;
  readonly caller: Caller;
  readonly requestId: string;
  /** 79 for 2.79, 1 without a version, 0 on /v2. */
  readonly microversion: number;
  /** True from this minor version on: `call.from(47)`. */
  from(minor: number): boolean;
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  /** Every value given for every name, in order; checked by the route's query schema, if it has one. */
  readonly query: Readonly<Record<string, readonly string[]>>;
  /** The last value of a query parameter. */
  queryValue(name: string): string | undefined;
  /** Checked by the route's body schema; undefined when there was none. */
  readonly body: unknown;
  /** The server of a route with `target: 'server'`. */
  readonly server: InstanceState;
  /** What rules are asked about: the server, or what the route names; undefined for what is the caller's own. */
  readonly policyTarget: PolicyTarget | undefined;
  /** `http://host:port/compute/v2.1`, with the project when the path has it: for `self` links. */
  readonly selfBase: string;
  /** `http://host:port/compute`, with the project when the path has it: for `bookmark` links. */
  readonly bookmarkBase: string;
  /** `http://host:port/compute`. */
  readonly rootUrl: string;
  /** Path and query as asked, for `next` links. */
  readonly url: string;
  setHeader(name: string, value: string): void;
  /** Instead of the route's success code. */
  setStatus(code: number): void;
}

/** JSON that is ready: sent as it is. */
export class JsonText {
  readonly text: string | Uint8Array;
  constructor(text: string | Uint8Array) {
    this.text = text;
  }
}

interface Operation extends VersionRange {
  /** Asked before the handler. Absent for `gone`, and for what any valid token may do. */
  readonly policy?: ComputeRule;
  /** What the rule is asked about, if that is neither the route's server nor what is the caller's own. May throw a 404. */
  readonly policyTarget?: (call: ComputeCall) => PolicyTarget | Promise<PolicyTarget>;
  /** Answered with 410 in every version. */
  readonly gone?: true;
  readonly body?: readonly SchemaRange[];
  readonly success?: SuccessCode;
  /**
   * Its result is the reply's body: undefined for none. Throws a ComputeFault to refuse.
   * Absent only for `gone`.
   */
  readonly handler?: (call: ComputeCall) => unknown;
}

export interface ComputeRoute extends Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the version: `/servers/:server_id/metadata`; `` for none. */
  readonly path: string;
  readonly query?: readonly SchemaRange[];
  /** `server`: the server that `:server_id` names is found, or 404, before policy is asked. */
  readonly target?: 'server';
  /** Rows of a `POST …/action` route, chosen by the one key of the body. */
  readonly actions?: readonly ComputeAction[];
}

/** `{ "os-stop": null }` posted to an action route. Its body schema sees the whole body. */
export interface ComputeAction extends Operation {
  readonly name: string;
}

export function inRange(range: VersionRange, minor: number): boolean {
  return minor >= (range.since ?? 0) && minor <= (range.until ?? Number.POSITIVE_INFINITY);
}
