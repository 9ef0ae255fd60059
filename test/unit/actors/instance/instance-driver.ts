// Plays the instance's surroundings for pure tests: takes what todo asks for and reports success or failure.
import { decide } from '#actors/instance/decide.ts';
import { evolve } from '#actors/instance/evolve.ts';
import type { InstanceCommand, InstanceEvent, OperationName } from '#actors/instance/protocol.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import { initialInstance, instanceInvariants, type InstanceState } from '#actors/instance/state.ts';
import { type InstanceEffect, todo } from '#actors/instance/todo.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { parametersFor } from '#test/support/operation-parameters.ts';
import { serverRequest } from '#test/support/servers.ts';

export const serverId = '22222222-2222-4222-8222-222222222222';
export const user = { userId: 'user-1', projectId: 'project-1', isAdmin: false };
export const admin = { userId: 'admin', projectId: 'admin', isAdmin: true };
export const fault = { code: 500, message: 'it broke', details: 'in a test' };
const placement = {
  host: 'host-1',
  node: 'host-1',
  providerId: 'provider-1',
  availabilityZone: 'nova',
  ports: [],
};

export class InstanceDriver {
  state: InstanceState = initialInstance(serverId);
  readonly events: InstanceEvent[] = [];
  #nowMs = 1_000;
  #operations = 0;

  send(command: InstanceCommand, requestId = `req-${this.#operations}`): unknown {
    this.#nowMs += 1;
    const outcome = decide(this.state, command, { nowMs: this.#nowMs, requestId });
    if (isRefusal(outcome)) return outcome;
    const after = outcome.events.reduce(evolve, this.state);
    const broken = instanceInvariants(after);
    if (broken.length > 0) throw new Error(`after ${command.type}: ${broken.join('; ')}`);
    this.state = after;
    this.events.push(...outcome.events);
    return outcome.reply;
  }

  create(changes: Parameters<typeof serverRequest>[0] = {}): this {
    this.#operations += 1;
    this.send({
      type: 'instance.create',
      request: serverRequest(changes),
      operationId: `op-${this.#operations}`,
    });
    return this;
  }

  operate(
    operation: OperationName,
    actor = user,
    parameters?: OperationParameters,
  ): Refusal | undefined {
    this.#operations += 1;
    const answer = this.send({
      type: 'instance.operate',
      operation,
      operationId: `op-${this.#operations}`,
      actor,
      ...(parameters === undefined ? parametersFor(operation) : { parameters }),
    });
    return isRefusal(answer) ? answer : undefined;
  }

  /** The one piece of work that is under way; undefined at rest. */
  effect(): InstanceEffect | undefined {
    const later = new Set([
      'deadline',
      'auto-confirm',
      'auto-offload',
      'reclaim',
      'tidy-up',
      'force-copy',
    ]);
    return todo(this.state).find(({ kind }) => !later.has(kind));
  }

  succeed(host = 'host-1'): this {
    const effect = this.#wanted();
    const { operationId, step, attempt } = effect;
    if (effect.kind === 'discard-image') return this.#discard(effect.imageId ?? '');
    if (effect.kind === 'release-port') {
      this.send({ type: 'instance.port-released', portId: effect.portId ?? '' });
      return this;
    }
    if (effect.undo) this.send({ type: 'instance.step-undone', operationId, step, attempt });
    else if (effect.kind.startsWith('place'))
      this.send({
        type: 'instance.step-done',
        operationId,
        step,
        attempt,
        result: {
          ...placement,
          ...(effect.kind === 'place' ? {} : { providerId: 'provider-2' }),
          host: effect.kind === 'place' ? host : 'host-2',
          node: effect.kind === 'place' ? host : 'host-2',
        },
      });
    else {
      const runs = effect.kind === 'finish-move' || effect.kind === 'return-guest';
      const proof = { fenced: { method: 'forced-down', proof: 'in a test' } };
      const result =
        effect.kind === 'prove-fenced'
          ? proof
          : runs || effect.kind === 'build-guest'
            ? ({ power: 'running' } as const)
            : {};
      this.send({ type: 'instance.step-done', operationId, step, attempt, result });
    }
    return this;
  }

  #discard(imageId: string): this {
    this.send({ type: 'instance.image-discarded', imageId });
    return this;
  }

  fail(retryable = false): this {
    const { operationId, step, attempt } = this.#wanted();
    this.send({ type: 'instance.step-failed', operationId, step, attempt, fault, retryable });
    return this;
  }

  /** Lets everything that is under way succeed until nothing is. */
  rest(): this {
    for (let steps = 0; this.effect() !== undefined; steps += 1) {
      if (steps > 50) throw new Error('the instance does not come to rest');
      this.succeed();
    }
    return this;
  }

  #wanted(): InstanceEffect {
    const effect = this.effect();
    if (effect === undefined) throw new Error('nothing is under way');
    return effect;
  }
}

/** An instance brought to a rest state by operations alone. */
export function instanceIn(vmState: InstanceState['vmState']): InstanceDriver {
  const driver = new InstanceDriver().create();
  switch (vmState) {
    case 'active':
      return driver.rest();
    case 'stopped':
      driver.rest().operate('stop');
      return driver.rest();
    case 'paused':
      driver.rest().operate('pause');
      return driver.rest();
    case 'suspended':
      driver.rest().operate('suspend');
      return driver.rest();
    case 'resized':
      driver.rest().operate('migrate');
      return driver.rest();
    case 'soft-delete':
      driver.rest().operate('soft-delete');
      return driver.rest();
    case 'rescued':
      driver.rest().operate('rescue');
      return driver.rest();
    case 'shelved':
      driver.rest().operate('shelve');
      return driver.rest();
    case 'shelved_offloaded':
      driver.rest().operate('shelve');
      driver.rest().operate('shelve-offload');
      return driver.rest();
    case 'error':
      driver.rest().operate('reboot-hard');
      return driver.fail();
    case 'deleted':
      driver.rest().operate('delete');
      return driver.rest();
    default:
      throw new Error(`no way to ${vmState} yet`);
  }
}
