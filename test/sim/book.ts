// What users have asked and what they were told. An acknowledged request must show at once to whoever reads, and have
// its effect or its compensation in the journal at the end; a refused one must have left nothing (I2).
import type { ServerRequest } from '#actors/domain/server.ts';
import { serverGroups } from '#actors/group/protocol.ts';
import { groupIdOf } from '#actors/instance/group-claims.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import { type InstanceCommand, instances, type OperationName } from '#actors/instance/protocol.ts';
import { projects } from '#actors/project/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { isRuntimeFault } from '#runtime/system/faults.ts';
import { serverRequest } from '#test/support/servers.ts';
import type { Controller } from './process.ts';
import { storedServer, wrongRefusal } from './refusals.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

/** `unknown`: nobody answered, or said that it does not know. `not-taken`: it was certainly not done. */
export type Answer = 'acknowledged' | 'refused' | 'unknown' | 'not-taken';

interface Request {
  readonly serverId: string;
  readonly operation: OperationName;
  readonly operationId: string;
  readonly requestId: string;
  /** What the instance is asked; undefined for a create, which asks others first. */
  readonly command: InstanceCommand | undefined;
  readonly send: (process: Controller) => Promise<unknown>;
  /** How often it was sent; some are never answered. */
  sent: number;
  readonly answers: Answer[];
}

export class Book {
  /** Ids in the order of their creates. */
  readonly servers: string[] = [];
  readonly faults: string[] = [];
  readonly #requests: Request[] = [];
  #asked = 0;
  readonly answered: Record<Answer, number> = {
    acknowledged: 0,
    refused: 0,
    unknown: 0,
    'not-taken': 0,
  };

  create(
    world: World,
    via: number,
    serverId: string,
    changes: Partial<ServerRequest>,
  ): string | undefined {
    const request = (process: Controller): ServerRequest => {
      const [network] = process.networks.listUsable('project-1');
      if (network === undefined) throw new Error('the cloud has no network');
      const port = { portId: portOf(serverId), existing: false, networkId: network.id };
      return serverRequest({ networks: [port], ...changes });
    };
    const operationId = `create-${serverId}`;
    const requestId = `req-${operationId}`;
    const sent = this.#send(world, via, {
      serverId,
      operation: 'create',
      operationId,
      requestId,
      command: undefined,
      sent: 0,
      answers: [],
      send: async (process) => {
        const wanted = request(process);
        const reserved = await reserve(process, serverId, wanted);
        if (isRefusal(reserved)) return reserved;
        const joined = await joinGroup(process, serverId, wanted);
        if (isRefusal(joined)) return joined;
        return process.assembly.router.ask(
          instances.ref(serverId),
          { type: 'instance.create', request: wanted, operationId },
          { requestId },
        );
      },
    });
    if (sent !== undefined) this.servers.push(serverId);
    return sent;
  }

  operate(
    world: World,
    via: number,
    {
      serverId,
      operation,
      parameters,
    }: {
      readonly serverId: string;
      readonly operation: OperationName;
      readonly parameters?: OperationParameters;
    },
  ): string | undefined {
    this.#asked += 1;
    const operationId = `${operation}-${serverId}-${this.#asked}`;
    const requestId = `req-${operationId}`;
    const actor = { userId: 'user-1', projectId: 'project-1', isAdmin: false };
    const command = {
      type: 'instance.operate',
      operation,
      operationId,
      actor,
      ...(parameters === undefined ? {} : { parameters }),
    } as const;
    return this.#send(world, via, {
      serverId,
      operation,
      operationId,
      requestId,
      command,
      sent: 0,
      answers: [],
      send: (process) =>
        process.assembly.router.ask(instances.ref(serverId), command, { requestId }),
    });
  }

  repeat(world: World, via: number, back: number): string | undefined {
    const request = this.#requests.at(-1 - back);
    if (request === undefined) return undefined;
    const sent = this.#ask(world, via, request);
    return sent === undefined ? undefined : `again: ${sent}`;
  }

  reserve(world: World, via: number, serverId: string): string | undefined {
    const process = world.serving(via);
    if (process === undefined) return undefined;
    process.ask(
      () => reserve(process, serverId, serverRequest()),
      () => undefined,
    );
    return `${process.name}: quota for ${serverId}, which is never made`;
  }

  #send(world: World, via: number, request: Request): string | undefined {
    const sent = this.#ask(world, via, request);
    if (sent !== undefined) this.#requests.push(request);
    return sent;
  }

  #ask(world: World, via: number, request: Request): string | undefined {
    const process = world.serving(via);
    if (process === undefined) return undefined;
    const { operationId } = request;
    request.sent += 1;
    const versionAt = this.#versionAt(world, request);
    process.ask(
      () => request.send(process),
      (outcome) => {
        const answer = answerOf(outcome);
        request.answers.push(answer);
        this.answered[answer] += 1;
        world.note(`  ${operationId}: ${answer}`);
        if (answer === 'acknowledged') this.#expectSeen(world, request, process);
        if (answer === 'refused') this.#checkRefusal(world, request, { ...outcome, versionAt });
      },
    );
    const state = process.seen(request.serverId);
    return `${process.name}: ${operationId} (${state?.vmState ?? 'unknown'}/${state?.taskState ?? '-'})`;
  }

  /** Of the server as it is stored, if all that was stored is there. */
  #versionAt({ disk, witness }: World, { serverId }: Request): number | undefined {
    const { version } = storedServer(disk, serverId);
    return witness.lossOf(`instance/${serverId}`, version) === undefined ? version : undefined;
  }

  /** If nothing has happened to the server since it was asked, the answer must be what the rules say of it. */
  #checkRefusal(
    world: World,
    request: Request,
    { reply, versionAt }: { readonly reply?: unknown; readonly versionAt: number | undefined },
  ): void {
    const { command, serverId, requestId, operationId } = request;
    if (command === undefined || versionAt === undefined) return;
    const stored = storedServer(world.disk, serverId);
    if (stored.version !== versionAt) return;
    const nowMs = world.env.clock.now();
    const wrong = wrongRefusal(stored, { command, requestId, reply, nowMs });
    if (wrong !== undefined) this.faults.push(`read: ${operationId} ${wrong}`);
  }

  /** Read your writes: whoever reads afterwards sees it, through any controller that does not say that it is stale. */
  #expectSeen(world: World, request: Request, process: Controller): void {
    for (const reader of new Set([process, world.serving(this.#asked) ?? process])) {
      const { entities } = reader.assembly;
      reader.ask(
        () => entities.barrier(),
        () => {
          if (!entities.isStale && !isSeen(request, reader)) this.#unseen(request, reader);
        },
      );
    }
  }

  #unseen({ operationId }: Request, { name }: Controller): void {
    if (this.faults.length < 20)
      this.faults.push(`read: ${operationId} was acknowledged, and ${name} does not show it`);
  }

  /** At rest: what must be in the journal is there, and nothing else. */
  kept(witness: Witness): readonly string[] {
    return this.#requests.flatMap((request) => keptOne(request, witness));
  }
}

function isSeen({ serverId, operation, requestId }: Request, process: Controller): boolean {
  const state = process.seen(serverId);
  // A delete of a server that is being deleted is answered like the first one, and is in no record of its own.
  return (
    (operation === 'delete' && state?.existence === 'gone') ||
    state?.actions.some(
      (action) =>
        action.requestId === requestId || (operation === 'delete' && action.action === 'delete'),
    ) === true
  );
}

function keptOne(request: Request, witness: Witness): readonly string[] {
  const { serverId, operation, operationId, answers, sent } = request;
  const history = witness.historyOf(serverId);
  const starts = history.started.get(operationId) ?? 0;
  const found: string[] = [];
  if (starts > 1) found.push(`kept: ${operationId} was done ${starts} times`);
  if (answers.includes('acknowledged')) {
    // A delete of a server that is being deleted is answered like the first one.
    const isStarted = starts > 0 || (operation === 'delete' && history.deletes > 0);
    if (!isStarted) found.push(`kept: ${operationId} was acknowledged and is not in the journal`);
    if (starts > 0 && !history.ended.has(operationId))
      found.push(`kept: ${operationId} was acknowledged and never ended`);
  }
  const isRefused = answers.length === sent && answers.every((answer) => answer === 'refused');
  if (isRefused && starts > 0) found.push(`kept: ${operationId} was refused and done all the same`);
  return found;
}

function reserve(process: Controller, serverId: string, request: ServerRequest): Promise<unknown> {
  const { flavor, projectId } = request;
  const usage = { cores: flavor.vcpus, ramMiB: flavor.ramMiB };
  return process.assembly.router.ask(
    projects.ref(projectId),
    { type: 'project.reserve', servers: [{ serverId, usage }], userId: 'user-1' },
    { requestId: `req-create-${serverId}` },
  );
}

/** The groups of a project are there from their first server on; their policy is what their name says. */
async function joinGroup(
  process: Controller,
  serverId: string,
  { projectId, userId, hints }: ServerRequest,
): Promise<unknown> {
  const groupId = groupIdOf({ hints });
  if (groupId === undefined) return undefined;
  const policy = groupId === 'affinity' ? 'affinity' : 'anti-affinity';
  const ref = serverGroups.ref(projectId);
  const { router } = process.assembly;
  const group = { groupId, name: groupId, policy, userId } as const;
  const made = await router.ask(
    ref,
    { type: 'server-group.create', group, limit: -1 },
    { requestId: `req-group-${groupId}` },
  );
  if (isRefusal(made)) return made;
  return router.ask(
    ref,
    { type: 'server-group.join', groupId, serverIds: [serverId], userId, limit: -1 },
    { requestId: `req-create-${serverId}` },
  );
}

function answerOf(outcome: { readonly reply?: unknown; readonly error?: unknown }): Answer {
  if (outcome.error === undefined) return isRefusal(outcome.reply) ? 'refused' : 'acknowledged';
  return isRuntimeFault(outcome.error, 'overloaded') ? 'not-taken' : 'unknown';
}

function portOf(serverId: string): string {
  return `4444${serverId.slice(4)}`;
}
