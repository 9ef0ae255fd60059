// Which servers a list asks for: query parameters become a scope, a source and tests. Pure but for the faults thrown.
// Who may use which filter, and what is ignored, refused or matched how, is Nova's (server list, API reference).
import type { ServerRequest } from '#actors/domain/server.ts';
import { powerStates, statesOfStatus } from '#actors/domain/states.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { present } from '#runtime/assert.ts';
import { ownEntry } from '../../own-entry.ts';
import { badRequest, forbidden } from '../envelope.ts';
import { compileExpression } from '../expression.ts';
import { parseIsoTime } from '../formats.ts';
import { isTrue } from '../parameter-types.ts';
import { allows, demand } from '../policy.ts';
import type { ComputeCall } from '../route.ts';
import { joinedFields, knownParameters, tagFilters } from './schemas-list.ts';
import { serverStatus } from './views/detail.ts';
import { isoSeconds } from './views/times.ts';

type Test = (state: InstanceState, request: ServerRequest) => boolean;

export interface ServerSelection {
  /** The project whose servers are looked at; undefined for all. */
  readonly projectId: string | undefined;
  readonly source: 'living' | 'deleted' | 'both';
  /** True without looking further. */
  readonly isEmpty: boolean;
  readonly tests: readonly Test[];
}

type Options = ReadonlyMap<string, string>;

export function selectServers(call: ComputeCall, detail: boolean): ServerSelection {
  const options = usableOptions(call);
  for (const name of options.keys())
    if (joinedFields.some((field) => field === name) || name.startsWith('_'))
      throw badRequest(`Invalid filter field: ${name}.`);
  const statuses = call.query['status']?.map((status) => status.toUpperCase());
  if (statuses?.every((status) => statesOfStatus(status).length === 0)) {
    if (call.from(38)) throw badRequest('Invalid status value');
    return { projectId: undefined, source: 'living', isEmpty: true, tests: [] };
  }
  const times = changeTimes(options);
  const wantsDeleted = statuses === undefined ? options.get('vm_state') : statuses.join();
  const onlyDeleted = wantsDeleted?.toLowerCase() === 'deleted';
  if (onlyDeleted && !call.caller.isAdmin)
    throw forbidden('Only administrators may list deleted instances');
  const scope = scopeOf(call, options, detail);
  return {
    projectId: scope.projectId,
    source: onlyDeleted ? 'deleted' : sourceOf(options),
    isEmpty: false,
    tests: [
      ...scope.tests,
      ...(statuses === undefined
        ? stateTests(options)
        : [(state: InstanceState) => statuses.includes(serverStatus(state))]),
      ...(wantsSoftDeleted(call, options) ? [] : [isNotSoftDeleted]),
      ...times,
      ...fieldTests(options),
      ...addressTests(options),
      ...tagTests(options),
      ...lockTests(options),
    ],
  };
}

/** As Nova's list: who wants to see them names their state, or asks for deleted ones. */
function wantsSoftDeleted(call: ComputeCall, options: Options): boolean {
  const named = [...(call.query['status'] ?? []), options.get('vm_state') ?? ''];
  const isNamed = named.some((word) => /^soft[-_]delete(d)?$/i.test(word));
  return isNamed || isTrue(options.get('soft_deleted')) || isTrue(options.get('deleted'));
}

const isNotSoftDeleted = (state: InstanceState): boolean => state.vmState !== 'soft-delete';

/** Filters that everyone may use, with the version from which on. */
const openFilters: Readonly<Record<string, number>> = {
  reservation_id: 0,
  name: 0,
  status: 0,
  image: 0,
  flavor: 0,
  ip: 0,
  'changes-since': 0,
  all_tenants: 0,
  ip6: 5,
  ...Object.fromEntries(tagFilters.map((name) => [name, 26])),
  'changes-before': 66,
  locked: 73,
  availability_zone: 83,
  config_drive: 83,
  key_name: 83,
  created_at: 83,
  launched_at: 83,
  terminated_at: 83,
  power_state: 83,
  task_state: 83,
  vm_state: 83,
  progress: 83,
  user_id: 83,
  hostname: 90,
};

const pagingNames = ['sort_key', 'sort_dir', 'limit', 'marker'];

/** The last value of each filter that the version knows and the caller may use; the rest is ignored, as in Nova. */
function usableOptions(call: ComputeCall): Options {
  const known = knownParameters(call.microversion);
  const options = new Map<string, string>();
  const mayUseAll = allows(call, 'servers:allow_all_filters');
  for (const [name, values] of Object.entries(call.query)) {
    if (pagingNames.includes(name)) continue;
    if (!Object.hasOwn(known, name) && !name.startsWith('_')) continue;
    const since = ownEntry(openFilters, name);
    if (!mayUseAll && (since === undefined || !call.from(since))) continue;
    options.set(name, values.at(-1) ?? '');
  }
  return options;
}

function sourceOf(options: Options): ServerSelection['source'] {
  const deleted = options.get('deleted');
  if (deleted !== undefined) return looseBoolean(deleted) === true ? 'deleted' : 'living';
  return options.has('changes-since') || options.has('changes-before') ? 'both' : 'living';
}

function scopeOf(
  call: ComputeCall,
  options: Options,
  detail: boolean,
): Pick<ServerSelection, 'projectId' | 'tests'> {
  const { caller } = call;
  if (wantsAllTenants(options)) {
    demand(call, detail ? 'servers:detail:get_all_tenants' : 'servers:index:get_all_tenants');
    return { projectId: options.get('tenant_id') ?? options.get('project_id'), tests: [] };
  }
  if (caller.projectId !== undefined) return { projectId: caller.projectId, tests: [] };
  return { projectId: undefined, tests: [(_state, request) => request.userId === caller.userId] };
}

function wantsAllTenants(options: Options): boolean {
  const value = options.get('all_tenants');
  if (value === undefined) return false;
  return value === '' || strictBoolean(value);
}

const trueWords = ['1', 't', 'true', 'on', 'y', 'yes'];
const falseWords = ['0', 'f', 'false', 'off', 'n', 'no'];

function looseBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (trueWords.includes(word)) return true;
  return falseWords.includes(word) ? false : undefined;
}

function strictBoolean(text: string): boolean {
  const value = looseBoolean(text);
  if (value !== undefined) return value;
  const words = [...trueWords, ...falseWords].sort().map((word) => `'${word}'`);
  throw badRequest(
    `Invalid input received: Unrecognized value '${text}', acceptable values are: ${words.join(', ')}`,
  );
}

function changeTimes(options: Options): readonly Test[] {
  const since = momentOf(options, 'changes-since');
  const before = momentOf(options, 'changes-before');
  if (since !== undefined && before !== undefined && before < since)
    throw badRequest('The value of changes-since must be less than or equal to changes-before.');
  const tests: Test[] = [];
  if (since !== undefined) tests.push((state) => state.updatedAtMs >= since);
  // Times are shown, and meant, to the second: what is shown as changed at that moment is in.
  if (before !== undefined) tests.push((state) => wholeSeconds(state.updatedAtMs) <= before);
  return tests;
}

function wholeSeconds(atMs: number): number {
  return atMs - (atMs % 1_000);
}

function momentOf(options: Options, name: string): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  const moment = parseIsoTime(text);
  if (moment === undefined) throw badRequest(`Invalid filter field: ${name}.`);
  return moment;
}

function stateTests(options: Options): readonly Test[] {
  const tests: Test[] = [];
  const [vmState, taskState] = [options.get('vm_state'), options.get('task_state')];
  if (vmState !== undefined) tests.push((state) => state.vmState === vmState);
  if (taskState !== undefined) tests.push((state) => state.taskState === taskState);
  return tests;
}

type Field = (state: InstanceState, request: ServerRequest) => string | undefined;

const sqlTime = (atMs: number | undefined): string | undefined =>
  atMs === undefined ? undefined : isoSeconds(atMs).replace('T', ' ').replace('Z', '');
const imageId: Field = (_state, request) => request.image?.id;
const displayName: Field = (_state, request) => request.name;
const displayDescription: Field = (_state, request) => request.description;

/** Must be equal. */
const exactFields: Readonly<Record<string, Field>> = {
  user_id: (_state, request) => request.userId,
  image: imageId,
  image_ref: imageId,
  host: (state) => state.grant?.host,
  uuid: (state) => state.id,
  flavor: (_state, request) => request.flavor.id,
};

/** The filter is a regular expression that matches somewhere. */
const patternFields: Readonly<Record<string, Field>> = {
  name: displayName,
  display_name: displayName,
  description: displayDescription,
  display_description: displayDescription,
  hostname: (_state, request) => request.hostname,
  key_name: (_state, request) => request.key?.name,
  power_state: (state) => String(powerStates[state.powerState]),
  node: (state) => state.grant?.node,
  launch_index: (_state, request) => String(request.launchIndex),
  reservation_id: (_state, request) => request.reservationId,
  launched_at: (state) => sqlTime(state.launchedAtMs),
  terminated_at: (state) => sqlTime(state.terminatedAtMs),
  created_at: (state) => sqlTime(state.createdAtMs),
  availability_zone: (state, request) => state.grant?.availabilityZone ?? request.availabilityZone,
  locked_by: (state) => (state.locked ? (state.lockedByAdmin ? 'admin' : 'owner') : undefined),
  root_device_name: () => '/dev/vda',
  config_drive: (_state, request) => (request.configDrive ? 'True' : ''),
  access_ip_v4: (_state, request) => request.accessIPv4,
  access_ip_v6: (_state, request) => request.accessIPv6,
  auto_disk_config: (_state, request) => (request.diskConfig === 'AUTO' ? '1' : '0'),
  progress: () => '0',
  kernel_id: () => '',
  ramdisk_id: () => '',
};

function fieldTests(options: Options): readonly Test[] {
  return [...options].flatMap(([name, wanted]): Test[] => {
    const exact = ownEntry(exactFields, name);
    if (exact !== undefined) return [(state, request) => exact(state, request) === wanted];
    const field = ownEntry(patternFields, name);
    if (field === undefined) return [];
    const expression = expressionOf(name, wanted);
    return [
      (state, request) => {
        const value = field(state, request);
        return value !== undefined && expression.matches(value);
      },
    ];
  });
}

function expressionOf(name: string, text: string): { matches(text: string): boolean } {
  const expression = compileExpression(text);
  if (expression === undefined) throw badRequest(`Invalid filter field: ${name}.`);
  return expression;
}

/** All address filters that are given must match one address each. */
function addressTests(options: Options): readonly Test[] {
  return [['ip', 4] as const, ['ip6', 6] as const].flatMap(([name, wanted]): Test[] => {
    const text = options.get(name);
    if (text === undefined) return [];
    const expression = expressionOf(name, text);
    return [
      (state) =>
        state.ports.some((port) =>
          port.fixedIps.some(
            ({ address, version }) => version === wanted && expression.matches(address),
          ),
        ),
    ];
  });
}

function tagTests(options: Options): readonly Test[] {
  return tagFilters.flatMap((name): Test[] => {
    const wanted = options.get(name)?.split(',');
    if (wanted === undefined) return [];
    const has = (request: ServerRequest) => (tag: string) => request.tags.includes(tag);
    switch (name) {
      case 'tags':
        return [(_state, request) => wanted.every(has(request))];
      case 'tags-any':
        return [(_state, request) => wanted.some(has(request))];
      case 'not-tags':
        return [(_state, request) => !wanted.every(has(request))];
      default:
        return [(_state, request) => !wanted.some(has(request))];
    }
  });
}

function lockTests(options: Options): readonly Test[] {
  const text = options.get('locked');
  if (text === undefined) return [];
  const wanted = strictBoolean(text);
  return [(state) => state.locked === wanted];
}

export function isSelected(selection: ServerSelection, state: InstanceState): boolean {
  const request = present(state.request, `request of server ${state.id}`);
  const { projectId, tests } = selection;
  if (projectId !== undefined && request.projectId !== projectId) return false;
  return tests.every((test) => test(state, request));
}
