// What a filter is: one rule, in a file of its own, that lets a host pass or says in words with figures why not. Pure.
import type { GroupPolicy } from '../../group/protocol.ts';
import type { HostView } from '../host-view.ts';
import type { RequestSpec } from '../protocol.ts';
import type { SchedulerSettings } from '../settings.ts';

/** What is known besides the host and the request. */
export interface FilterContext {
  readonly settings: SchedulerSettings;
  /** The host that a server has been granted; undefined if it has none or is unknown. */
  hostOf(serverId: string): string | undefined;
  /** The server group that the server is a member of, without the server itself. */
  readonly group?: PlacedGroup;
}

export interface PlacedGroup {
  readonly policy: GroupPolicy;
  readonly maxServerPerHost: number;
  /** How many of the other members hold each host; hosts without any are left out. */
  readonly hosts: ReadonlyMap<string, number>;
}

export interface Filter {
  /** Nova's name of the rule, where it has one. */
  readonly name: string;
  /** Holds also when an administrator forces the host (`ZONE:HOST`), which skips Nova's filters. */
  readonly holdsWhenForced: boolean;
  /**
   * Its answer hangs on other servers, or on this one server's own history: it can differ between two requests that are
   * alike. All other filters give equal requests equal answers, which the host index keeps.
   */
  readonly isPersonal?: true;
  /** Undefined lets the host pass; else the reason: `needs 2048 MiB, has 512 MiB free of 4096 MiB`. */
  refuse(host: HostView, spec: RequestSpec, context: FilterContext): string | undefined;
}
