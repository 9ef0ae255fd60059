// The moments at which a process may die: before and after each append, effect and call to a host. A test counts them
// in one run and cuts at one of them in the next. The proxies here wrap ports; production code knows nothing of them.
import type { EffectRunner } from '#runtime/entity/effects.ts';
import type { AppendRequest, Journal } from '#runtime/journal/port.ts';

export class Boundaries {
  passed = 0;
  readonly names: string[] = [];
  #dieAt: number | undefined;
  #isOver = false;
  readonly #die: () => void;

  constructor(dieAt: number | undefined, die: () => void) {
    this.#dieAt = dieAt;
    this.#die = die;
  }

  /** It dies at this many boundaries from here. */
  arm(after: number): void {
    this.#dieAt = this.passed + after;
  }

  /** From now on the process dies no more. */
  disarm(): void {
    this.#dieAt = undefined;
  }

  /** The process is dead: whatever of it is still on its way stops here. */
  end(): void {
    this.#isOver = true;
  }

  /** True when this is the moment, or it is past: the caller must not go on. */
  pass(name: string): boolean {
    if (this.#isOver) return true;
    this.passed += 1;
    this.names.push(name);
    if (this.passed !== this.#dieAt) return false;
    this.#die();
    return true;
  }
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** An append may be lost before it is durable, or its answer after. Hears of conflicts before the process does. */
export function cutJournal(
  journal: Journal,
  boundaries: Boundaries,
  onConflict: (request: AppendRequest) => void = () => undefined,
): Journal {
  return new Proxy(journal, {
    get: (target, property) => {
      const member = Reflect.get(target, property, target) as unknown;
      if (typeof member !== 'function') return member;
      if (property !== 'append') return member.bind(target) as unknown;
      return async (request: Parameters<Journal['append']>[0]) => {
        const name = `${request.key} ${request.events.map((event) => event.type).join('+')}`;
        if (boundaries.pass(`before ${name}`)) return never();
        const result = await target.append(request);
        if (!result.ok && result.reason === 'conflict') onConflict(request);
        if (boundaries.pass(`after ${name}`)) return never();
        return result;
      };
    },
  });
}

export function cutEffects(
  boundaries: Boundaries,
): (kind: string, run: EffectRunner) => EffectRunner {
  return (kind, run) => async (effect: { id: string }, context) => {
    if (boundaries.pass(`${kind} effect ${effect.id} starts`)) return never();
    const command = await run(effect as never, context);
    if (boundaries.pass(`${kind} effect ${effect.id} ends`)) return never();
    return command;
  };
}

/** Calls that change nothing are no boundaries. */
const reads: ReadonlySet<string> = new Set([
  'find',
  'interfacesOf',
  'statistics',
  'list',
  'subscribe',
  'paths',
  'diskPath',
  'streamDisk',
  'hostInfo',
  'capacity',
  'listGuests',
  'hasSavedMemory',
  'storageId',
  'progress',
  'listDisks',
  'streamDisk',
  'listNetworks',
  'listPorts',
]);

/** Every asynchronous call of a port may be the last: before it takes effect, or after. */
export function cutCalls<T extends object>(part: T, name: string, boundaries: Boundaries): T {
  return new Proxy(part, {
    get: (target, property) => {
      const member = Reflect.get(target, property, target) as unknown;
      if (property === 'migrations')
        return cutCalls(member as object, `${name}.migrations`, boundaries);
      if (typeof member !== 'function') return member;
      const call = (...args: readonly unknown[]): unknown =>
        (member as (...all: readonly unknown[]) => unknown).apply(target, [...args]);
      if (reads.has(String(property))) return call;
      return (...args: readonly unknown[]): unknown => {
        if (boundaries.pass(`before ${name}.${String(property)}`)) return never();
        const result = call(...args);
        if (!(result instanceof Promise)) return result;
        return result.then((value: unknown) =>
          boundaries.pass(`after ${name}.${String(property)}`) ? never() : value,
        );
      };
    },
  });
}
