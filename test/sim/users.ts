// What users do in a walk. Operations on servers come from the operation tables: a new operation joins by its table
// alone. Nobody waits for an answer before the next step; what was answered is in the book (book.ts).
import { operations } from '#actors/instance/operations/all.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import { instances, type OperationName, operationNames } from '#actors/instance/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import {
  addressParameters,
  interfaceParameters,
  parametersFor,
} from '#test/support/operation-parameters.ts';
import { testFlavor } from '#test/support/servers.ts';
import { type Act, act, chosen } from './acts.ts';
import type { Walk } from './walk.ts';

/** More would only make the walk slower. */
const MOST_SERVERS = 16;
/** Wide enough that counting round is even. */
const WIDE = 27_720;

/** Some servers are created in a server group. */
const groupHints: readonly ServerRequest['hints'][] = [
  { group: ['affinity'] },
  { group: ['anti-affinity'] },
  {},
  {},
  {},
];

export const userActs = {
  create: act(
    (random) => ({
      via: random.below(WIDE),
      project: random.below(2),
      ephemeralGiB: random.below(2),
      swapMiB: random.below(2) * 512,
      configDrive: random.chance(0.5),
    }),
    (walk, { via, project, ephemeralGiB, swapMiB, configDrive }) => {
      const { book } = walk;
      if (book.servers.length >= MOST_SERVERS) return undefined;
      const flavor = { ...testFlavor, ephemeralGiB, swapMiB };
      const id = serverId(book.servers.length + 1);
      const hints = groupHints[via % groupHints.length] ?? {};
      const request = { projectId: `project-${project + 1}`, flavor, configDrive, hints };
      return book.create(walk.world, via, id, request);
    },
  ),
  operate: act(
    (random) => ({
      via: random.below(WIDE),
      server: random.below(WIDE),
      pick: random.below(WIDE),
      isFitting: random.chance(0.9),
    }),
    (walk, { via, server, pick, isFitting }) => {
      const id = chosen(walk.book.servers, server);
      if (id === undefined) return undefined;
      const seen = walk.world.seen(via, id);
      const operation = operationFor(seen, pick, isFitting);
      const parameters = parametersOf(operation, pick, { id, ports: seen?.ports ?? [] });
      return walk.book.operate(walk.world, via, { serverId: id, operation, parameters });
    },
  ),
  /** Guests go from host to host, most of them while they run. */
  move: act(
    (random) => ({
      via: random.below(WIDE),
      server: random.below(WIDE),
      isLive: random.chance(0.8),
      wanted: random.below(WIDE),
    }),
    (walk, { via, server, isLive, wanted }) => {
      const id = chosen(walk.book.servers, server);
      if (id === undefined) return undefined;
      const state = walk.world.seen(via, id);
      const others = walk.world.hosts.filter(({ name }) => name !== state?.grant?.host);
      const host = wanted % 3 === 0 ? chosen(others, wanted >> 2)?.name : undefined;
      const parameters = host === undefined ? {} : { host };
      const operation = state?.vmState === 'resized' ? 'confirm-resize' : moveOf(isLive);
      return walk.book.operate(walk.world, via, { serverId: id, operation, parameters });
    },
  ),
  /** An administrator gives a live migration up, or wants it to end. */
  abort: act(
    (random) => ({
      via: random.below(WIDE),
      server: random.below(WIDE),
      isForced: random.chance(0.3),
    }),
    (walk, { via, server, isForced }) => {
      const id = chosen(walk.book.servers, server);
      const process = walk.world.serving(via);
      const operation = id === undefined ? undefined : walk.world.seen(via, id)?.operation;
      if (id === undefined || process === undefined || operation?.name !== 'live-migrate')
        return undefined;
      const type = isForced ? 'instance.force-migration' : 'instance.abort-migration';
      const command = { type, migrationId: operation.id } as const;
      process.ask(
        () =>
          process.assembly.router.ask(instances.ref(id), command, { requestId: `${type}-${id}` }),
        () => undefined,
      );
      return `${process.name}: ${type} of ${operation.id}`;
    },
  ),
  delete: act(
    (random) => ({ via: random.below(WIDE), server: random.below(WIDE) }),
    (walk, { via, server }) => {
      const id = chosen(walk.book.servers, server);
      if (id === undefined) return undefined;
      return walk.book.operate(walk.world, via, { serverId: id, operation: 'delete' });
    },
  ),
  /** An administrator says what state a server is in, right or wrong. */
  reset: act(
    (random) => ({
      via: random.below(WIDE),
      server: random.below(WIDE),
      isActive: random.chance(0.7),
    }),
    (walk, { via, server, isActive }) => {
      const id = chosen(walk.book.servers, server);
      const process = walk.world.serving(via);
      if (id === undefined || process === undefined) return undefined;
      const vmState = isActive ? 'active' : 'error';
      const command = { type: 'instance.reset-state', vmState } as const;
      process.ask(
        () => process.assembly.router.ask(instances.ref(id), command, { requestId: `reset-${id}` }),
        () => undefined,
      );
      return `${process.name}: state of ${id} is ${vmState}`;
    },
  ),
  /** A client that heard nothing, or something it did not believe, sends its request again. */
  repeat: act(
    (random) => ({ via: random.below(WIDE), back: random.below(4) }),
    (walk, { via, back }) => walk.book.repeat(walk.world, via, back),
  ),
  /** A process that dies in the middle of POST /servers leaves quota without a server. */
  reserve: act(
    (random) => ({ via: random.below(WIDE), number: 100 + random.below(100) }),
    (walk, { via, number }) => walk.book.reserve(walk.world, via, serverId(number)),
  ),
} satisfies Readonly<Record<string, Act>>;

export type UserActName = keyof typeof userActs;

/** Mostly one that its table allows in the server's state. */
function operationFor(
  server: InstanceState | undefined,
  pick: number,
  isFitting: boolean,
): OperationName {
  const others = operationNames.filter((name) => name !== 'create' && name !== 'delete');
  const fitting = others.filter((name) => {
    const { vmStates } = operations[name];
    return server !== undefined && vmStates !== 'any' && vmStates.includes(server.vmState);
  });
  return chosen(isFitting && fitting.length > 0 ? fitting : others, pick) ?? 'delete';
}

const moveOf = (isLive: boolean): OperationName => (isLive ? 'live-migrate' : 'migrate');

/** Sizes that differ in everything that a host gives. */
const sizes = [testFlavor, { ...testFlavor, id: 'larger', vcpus: 2, ramMiB: 192, diskGiB: 2 }];

function parametersOf(
  operation: OperationName,
  pick: number,
  { id, ports }: Pick<InstanceState, 'id' | 'ports'>,
): OperationParameters {
  const imageId = `image-${pick}-of-${id}`;
  if (operation === 'attach-interface' || operation === 'detach-interface')
    return interfaceParameters(operation, `port-${pick}-of-${id}`, ports);
  if (operation === 'change-addresses') return addressParameters(pick, ports);
  if (operation !== 'resize') return parametersFor(operation, pick, imageId).parameters ?? {};
  const flavor = { ...(chosen(sizes, pick >> 3) ?? testFlavor), ephemeralGiB: 1 };
  return { flavor, sameHost: pick % 5 === 0 };
}

export function serverId(number: number): string {
  // Guests are named by the first digits.
  return `aaaa${String(number).padStart(4, '0')}-0000-4000-8000-000000000000`;
}

/** The end of every walk: whatever is left is deleted. */
export function deleteEverything(walk: Walk): void {
  for (const { id, existence } of walk.world.servers())
    if (existence === 'exists')
      walk.note(walk.book.operate(walk.world, 0, { serverId: id, operation: 'delete' }));
}
