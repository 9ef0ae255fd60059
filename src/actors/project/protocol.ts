// A project's quota: limits, and which servers use how much of it. Used = live servers, always (invariant I5).
// Users of a project may have limits of their own below the project's.
// Refusals: quota-exceeded (detail: resource, requested, used, limit, and over: all of them), quota-below-usage,
// quota-above-project.
import { Type } from 'typebox';
import type { BucketMap } from '../domain/bucket-map.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const usage = Type.Object({ cores: count, ramMiB: count });
/** −1 is unlimited. */
const limits = Type.Record(Type.String(), Type.Integer({ minimum: -1 }));

export const projectCommands = {
  /** Takes quota for new servers, all or none; a repeat for the same servers changes nothing. */
  'project.reserve': command(
    1,
    Type.Object({
      servers: Type.Array(Type.Object({ serverId: text, usage })),
      /** Whose they are; counts against the user's own limits, if there are any. */
      userId: Type.Optional(text),
      /** What the quota class says instead of the configured defaults. */
      classLimits: Type.Optional(limits),
    }),
    Type.Object({}),
  ),
  /**
   * A server becomes another size. Growing must fit the limits; `checkOnly` changes nothing. A server that is not held is
   * none of this project's business.
   */
  'project.resize': command(
    1,
    Type.Object({
      serverId: text,
      usage,
      checkOnly: Type.Boolean(),
      classLimits: Type.Optional(limits),
    }),
    Type.Object({}),
  ),
  'project.release': command(1, Type.Object({ serverId: text }), Type.Object({})),
  /** After looking at the servers: these exist, those never came to be. */
  'project.settle': command(
    1,
    Type.Object({ existing: Type.Array(text), missing: Type.Array(text) }),
    Type.Object({}),
  ),
  /** Changes the limits that are named, of the project or of one user in it. Without `force` they must make sense. */
  'project.set-limits': command(
    1,
    Type.Object({
      limits,
      force: Type.Boolean(),
      userId: Type.Optional(text),
      classLimits: Type.Optional(limits),
    }),
    Type.Object({}),
  ),
  /** Back to the defaults, or for a user to the project's. */
  'project.reset-limits': command(1, Type.Object({ userId: Type.Optional(text) }), Type.Object({})),
} as const;

export const projectEvents = {
  'project.reserved': event(
    1,
    Type.Object({
      servers: Type.Array(Type.Object({ serverId: text, usage })),
      userId: Type.Optional(text),
      atMs: Type.Number(),
    }),
  ),
  'project.resized': event(1, Type.Object({ serverId: text, usage })),
  'project.released': event(1, Type.Object({ serverId: text })),
  'project.settled': event(
    1,
    Type.Object({ existing: Type.Array(text), missing: Type.Array(text) }),
  ),
  'project.limits-set': event(1, Type.Object({ limits, userId: Type.Optional(text) })),
  'project.limits-reset': event(1, Type.Object({ userId: Type.Optional(text) })),
} as const;

export type ProjectCommand = CommandOf<typeof projectCommands>;
export type ProjectEvent = EventOf<typeof projectEvents>;
export const projects = entityKind('project', projectCommands);
/** Not a project: the entity of this id keeps the limits of a quota class. */
export function quotaClassId(className: string): string {
  return `quota-class:${className}`;
}
/** Of the class whose members are all projects. */
export const DEFAULT_QUOTA_CLASS = quotaClassId('default');

/** Names as in the quota API. */
export interface QuotaLimits {
  readonly instances: number;
  readonly cores: number;
  /** MiB. */
  readonly ram: number;
  readonly metadata_items: number;
  readonly key_pairs: number;
  readonly server_groups: number;
  readonly server_group_members: number;
  readonly injected_files: number;
  readonly injected_file_content_bytes: number;
  readonly injected_file_path_bytes: number;
  // The network service's matter: only remembered for those who still set them here; unlimited unless they do.
  readonly fixed_ips?: number;
  readonly floating_ips?: number;
  readonly security_group_rules?: number;
  readonly security_groups?: number;
}

export interface QuotaUse {
  readonly instances: number;
  readonly cores: number;
  /** MiB. */
  readonly ram: number;
}

/** What a server counts for. */
export interface ServerUse {
  readonly cores: number;
  readonly ramMiB: number;
  readonly userId: string | undefined;
}

export interface ProjectState {
  readonly id: string;
  /** What differs from the defaults. */
  readonly limits: Partial<QuotaLimits>;
  readonly servers: BucketMap<ServerUse>;
  readonly used: QuotaUse;
  /** Users with servers or limits of their own here. */
  readonly users: Readonly<
    Record<string, { readonly limits: Partial<QuotaLimits>; readonly used: QuotaUse }>
  >;
  /** Reserved, but no look at the server yet: serverId → when, in milliseconds. */
  readonly pending: BucketMap<number>;
  /** Counts settlements, to name the next one. */
  readonly settlements: number;
}
