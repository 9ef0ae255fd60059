// The suite for `migrations` of src/hypervisor/port.ts: two hosts that reach each other, one guest that goes from one to the
// other, and what is left of it when a phase fails, is given up, or its caller dies. Every adapter must pass it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  MigrationInvitation,
  MigrationOffer,
  MigrationSettings,
} from '#hypervisor/migration-port.ts';
import type { GuestEvent, GuestSpec, GuestState, Hypervisor } from '#hypervisor/port.ts';
import { faultOf, GUEST_BANNER, readConsole } from './scene.ts';

export type Side = 'source' | 'destination';

export interface MigrationHarness {
  /** The driver of this side; another one after `restartCaller`. */
  driver(side: Side): Hypervisor;
  /** A guest as in HypervisorHarness, whose disk both hosts have. */
  newSpec(): Promise<GuestSpec>;
  /** With the paths that its files have on the destination. */
  there(spec: GuestSpec): GuestSpec;
  /** Where the source reaches the destination. */
  readonly address: string;
  /** Settings with which a copy takes long enough to be met under way. */
  slowly(): MigrationSettings;
  /** The process that uses the driver dies, and starts again. */
  restartCaller(side: Side): Promise<void>;
  /** The host's daemon dies and comes back; guests live on. Resolves when the driver is connected again. */
  restartDaemon(side: Side): Promise<void>;
  until<T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>>;
  close(): Promise<void>;
}

/** As libvirt 9.0 with QEMU 7.2 tells them, on each side. */
export const MIGRATION_EVENTS = {
  prepare: ['started migrated'],
  perform: ['paused migrated'],
  finish: ['resumed migrated'],
  confirm: ['stopped migrated'],
  cancelOutgoing: ['resumed migrated'],
  cancelOutgoingMarked: ['resumed unpaused'],
  cancelIncoming: ['stopped failed'],
} as const satisfies Record<string, readonly string[]>;

const fast: MigrationSettings = { copiedDisks: [], autoConverge: true };

export function migrationContract(
  name: string,
  makeHarness: () => Promise<MigrationHarness>,
): void {
  describe(`${name} migrating`, () => {
    const scene = new MigrationScene(makeHarness);
    handoverContract(scene);
    giveUpContract(scene);
    deathContract(scene);
    daemonContract(scene);
  });
}

class MigrationScene {
  #harness: MigrationHarness | undefined;
  #spec: GuestSpec | undefined;
  readonly #events: Record<Side, GuestEvent[]> = { source: [], destination: [] };

  constructor(makeHarness: () => Promise<MigrationHarness>) {
    beforeAll(async () => {
      this.#harness = await makeHarness();
      for (const side of ['source', 'destination'] as const) this.#listen(side);
    });
    afterEach(async () => {
      for (const side of ['source', 'destination'] as const)
        if (this.#spec !== undefined) await this.driver(side).destroy(this.#spec.id);
      this.#spec = undefined;
    });
    afterAll(async () => {
      await this.harness.close();
    });
  }

  #listen(side: Side): void {
    this.driver(side).subscribe((event) => this.#events[side].push(event));
  }

  get harness(): MigrationHarness {
    if (this.#harness === undefined) throw new Error('the harness is not made yet');
    return this.#harness;
  }

  driver(side: Side): Hypervisor {
    return this.harness.driver(side);
  }

  get source(): Hypervisor {
    return this.driver('source');
  }

  get destination(): Hypervisor {
    return this.driver('destination');
  }

  /** Started on the source, and past its banner. */
  async guest(): Promise<GuestSpec> {
    const spec = await this.harness.newSpec();
    this.#spec = spec;
    await this.source.create(spec);
    await this.harness.until('the banner', async () =>
      (await this.console(spec)).includes(GUEST_BANNER),
    );
    this.forgetEvents();
    return spec;
  }

  /** The guest as it is to be on the destination. */
  there(spec: GuestSpec): GuestSpec {
    return this.harness.there({
      ...spec,
      mark: { ...spec.mark, host: 'there', runEpoch: spec.mark.runEpoch + 1 },
    });
  }

  async console(spec: GuestSpec): Promise<string> {
    return new TextDecoder().decode(await this.source.consoleOutput(spec, 65_536));
  }

  forgetEvents(): void {
    this.#events.source = [];
    this.#events.destination = [];
  }

  /** What was told since the last time, on one side. */
  told(side: Side, id: string): string[] {
    const events = this.#events[side].filter((event) => 'id' in event && event.id === id);
    this.#events[side] = [];
    return events.map((event) =>
      'detail' in event ? `${event.type.slice('guest.'.length)} ${event.detail}` : event.type,
    );
  }

  async states(id: string): Promise<Record<Side, string>> {
    const [source, destination] = await Promise.all([
      this.source.find(id),
      this.destination.find(id),
    ]);
    return { source: wordOf(source), destination: wordOf(destination) };
  }

  async begin(spec: GuestSpec, settings = fast): Promise<MigrationOffer> {
    return this.source.migrations.begin(this.there(spec), settings);
  }

  async prepare(spec: GuestSpec, settings = fast): Promise<Prepared> {
    const offer = await this.begin(spec, settings);
    const { address } = this.harness;
    const order = { offer, settings, address };
    const invitation = await this.destination.migrations.prepare(this.there(spec), order);
    return { offer, invitation, settings };
  }

  perform(spec: GuestSpec, prepared: Prepared): Promise<{ readonly cookie: string }> {
    return this.source.migrations.perform(this.there(spec), prepared);
  }

  async performed(spec: GuestSpec): Promise<Prepared & { readonly cookie: string }> {
    const prepared = await this.prepare(spec);
    return { ...prepared, ...(await this.perform(spec, prepared)) };
  }

  finish(
    spec: GuestSpec,
    { offer: { isPaused }, cookie, settings }: Prepared & { readonly cookie: string },
  ): Promise<GuestState> {
    return this.destination.migrations.finish(this.there(spec), { isPaused, cookie, settings });
  }

  async untilStates(id: string, wanted: Record<Side, string>): Promise<void> {
    let seen: Record<Side, string> | undefined;
    try {
      await this.harness.until(`states ${JSON.stringify(wanted)}`, async () => {
        seen = await this.states(id);
        return seen.source === wanted.source && seen.destination === wanted.destination;
      });
    } catch (error) {
      throw new Error(`seen last: ${JSON.stringify(seen)}`, { cause: error });
    }
  }
}

interface Prepared {
  readonly offer: MigrationOffer;
  readonly invitation: MigrationInvitation;
  readonly settings: MigrationSettings;
}

function wordOf(state: GuestState | undefined): string {
  if (state === undefined) return 'absent';
  return state.isInMigration === true ? 'stands still' : state.power;
}

function handoverContract(scene: MigrationScene): void {
  describe('a guest that is handed over', () => {
    test('goes on where it was, under its new mark, with the events that libvirt gives', async () => {
      const spec = await scene.guest();
      const { id } = spec;
      const prepared = await scene.prepare(spec);
      expect(await scene.states(id)).toEqual({ source: 'running', destination: 'stands still' });
      expect(scene.told('source', id)).toEqual([]);
      expect(scene.told('destination', id)).toEqual(MIGRATION_EVENTS.prepare);
      const { cookie } = await scene.perform(spec, prepared);
      expect(await scene.states(id)).toEqual({
        source: 'stands still',
        destination: 'stands still',
      });
      expect(scene.told('source', id)).toEqual(MIGRATION_EVENTS.perform);
      expect(scene.told('destination', id)).toEqual([]);
      const state = await scene.finish(spec, { ...prepared, cookie });
      expect(state).toEqual({
        id,
        name: spec.name,
        power: 'running',
        mark: scene.there(spec).mark,
      });
      expect(await scene.states(id)).toEqual({ source: 'stands still', destination: 'running' });
      expect(scene.told('destination', id)).toEqual(MIGRATION_EVENTS.finish);
      await scene.source.migrations.confirm(id);
      expect(await scene.states(id)).toEqual({ source: 'absent', destination: 'running' });
      expect(scene.told('source', id)).toEqual(MIGRATION_EVENTS.confirm);
      expect(scene.told('destination', id)).toEqual([]);
      expect(await scene.destination.list()).toContainEqual(state);
    });

    test('has not booted again: it still answers on its console', async () => {
      const spec = await scene.guest();
      await scene.finish(spec, await scene.performed(spec));
      await scene.source.migrations.confirm(spec.id);
      const stream = await scene.destination.openConsole(spec.id);
      const output = readConsole(stream);
      await stream.write(new TextEncoder().encode('moved'));
      await scene.harness.until('the echo', () => output.text().includes('moved'));
      expect(output.text()).not.toContain(GUEST_BANNER);
      await stream.close();
    });

    test('comes back to where it was', async () => {
      const spec = await scene.guest();
      await scene.finish(spec, await scene.performed(spec));
      await scene.source.migrations.confirm(spec.id);
      const back = { ...spec, mark: { ...spec.mark, runEpoch: 3 } };
      const offer = await scene.destination.migrations.begin(back, fast);
      const order = { offer, settings: fast, address: scene.harness.address };
      const invitation = await scene.source.migrations.prepare(back, order);
      const { cookie } = await scene.destination.migrations.perform(back, {
        offer,
        invitation,
        settings: fast,
      });
      await scene.source.migrations.finish(back, { isPaused: false, cookie, settings: fast });
      await scene.destination.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
    });

    test('paused stays paused', async () => {
      const spec = await scene.guest();
      await scene.source.pause(spec.id);
      const done = await scene.performed(spec);
      expect(done.offer.isPaused).toBe(true);
      expect((await scene.finish(spec, done)).power).toBe('paused');
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'paused' });
      await scene.destination.resume(spec.id);
      expect((await scene.destination.find(spec.id))?.power).toBe('running');
    });

    test('is finished and confirmed once, however often that is asked', async () => {
      const spec = await scene.guest();
      const done = await scene.performed(spec);
      const first = await scene.finish(spec, done);
      expect(await scene.finish(spec, done)).toEqual(first);
      await scene.source.migrations.confirm(spec.id);
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'running' });
    });
  });

  describe('a phase is refused', () => {
    test('for a guest that is not there, or is being handed over, or is there already', async () => {
      const spec = await scene.guest();
      const unknown = await scene.harness.newSpec();
      expect(await faultOf(scene.begin(unknown))).toBe('guest-not-found');
      const offer = await scene.begin(spec);
      expect(await faultOf(scene.begin(spec))).toBe('wrong-state');
      const order = { offer, settings: fast, address: scene.harness.address };
      expect(await faultOf(scene.source.migrations.prepare(scene.there(spec), order))).toBe(
        'guest-exists',
      );
      expect(
        await faultOf(
          scene.destination.migrations.finish(spec, {
            isPaused: false,
            cookie: '',
            settings: fast,
          }),
        ),
      ).toBe('guest-not-found');
      await scene.source.migrations.cancelOutgoing(spec.id);
      expect((await scene.states(spec.id)).source).toBe('running');
    });

    test('when it would end a guest that runs', async () => {
      const spec = await scene.guest();
      expect(await faultOf(scene.source.migrations.confirm(spec.id))).toBe('wrong-state');
      expect(await faultOf(scene.source.migrations.cancelIncoming(spec.id))).toBe('wrong-state');
      expect((await scene.states(spec.id)).source).toBe('running');
    });
  });
}

function giveUpContract(scene: MigrationScene): void {
  const giveUp = async (spec: GuestSpec): Promise<void> => {
    await scene.destination.migrations.cancelIncoming(spec.id);
    await scene.source.migrations.cancelOutgoing(spec.id);
    expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
  };

  describe('a migration that is given up', () => {
    test('after begin, after prepare, after perform: the guest runs where it was, and can be handed over then', async () => {
      const spec = await scene.guest();
      await scene.begin(spec);
      await giveUp(spec);
      await scene.prepare(spec);
      scene.forgetEvents();
      await giveUp(spec);
      expect(scene.told('destination', spec.id)).toEqual(MIGRATION_EVENTS.cancelIncoming);
      expect(scene.told('source', spec.id)).toEqual([]);
      await scene.performed(spec);
      scene.forgetEvents();
      await giveUp(spec);
      expect(scene.told('destination', spec.id)).toEqual(MIGRATION_EVENTS.cancelIncoming);
      expect(scene.told('source', spec.id)).toEqual(MIGRATION_EVENTS.cancelOutgoing);
      await giveUp(spec);
      await scene.finish(spec, await scene.performed(spec));
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'running' });
    });

    test('when the other copy is gone: the guest goes on under a newer grant', async () => {
      const spec = await scene.guest();
      await scene.performed(spec);
      await scene.destination.migrations.cancelIncoming(spec.id);
      const mark = { ...spec.mark, runEpoch: 7 };
      scene.forgetEvents();
      await scene.source.migrations.cancelOutgoing(spec.id, mark);
      expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
      expect((await scene.source.find(spec.id))?.mark).toEqual(mark);
      expect((await scene.source.list()).find(({ id }) => id === spec.id)?.mark).toEqual(mark);
      expect(scene.told('source', spec.id)).toEqual(MIGRATION_EVENTS.cancelOutgoingMarked);
      await scene.finish(spec, await scene.performed(spec));
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'running' });
    });

    test('by abort, while it copies: perform says so, and the guest runs on', async () => {
      const spec = await scene.guest();
      expect(await faultOf(scene.source.migrations.abort(spec.id))).toBe('wrong-state');
      expect(await scene.source.migrations.progress(spec.id)).toBeUndefined();
      const prepared = await scene.prepare(spec, scene.harness.slowly());
      const copying = faultOf(scene.perform(spec, prepared));
      const progress = await scene.harness.until('progress to be told', async () => {
        const told = await scene.source.migrations.progress(spec.id);
        return told !== undefined && told.memoryTotalBytes > 0 ? told : undefined;
      });
      expect(progress.memoryTotalBytes).toBeGreaterThan(spec.memoryMiB * 1024 ** 2 - 1);
      expect(progress.memoryRemainingBytes).toBeGreaterThan(0);
      await scene.source.migrations.abort(spec.id);
      expect(await copying).toBe('aborted');
      await giveUp(spec);
      expect(await scene.source.migrations.progress(spec.id)).toBeUndefined();
    });
  });
}

function deathContract(scene: MigrationScene): void {
  describe('a caller that dies', () => {
    test('on the source, before all is copied: the guest runs on there', async () => {
      const spec = await scene.guest();
      await scene.prepare(spec);
      await scene.harness.restartCaller('source');
      await scene.destination.migrations.cancelIncoming(spec.id);
      await scene.source.migrations.cancelOutgoing(spec.id);
      await scene.untilStates(spec.id, { source: 'running', destination: 'absent' });
      const prepared = await scene.prepare(spec, scene.harness.slowly());
      const copying = faultOf(scene.perform(spec, prepared));
      await scene.harness.until('the copy to be under way', async () =>
        scene.source.migrations.progress(spec.id),
      );
      await scene.harness.restartCaller('source');
      expect(await copying).not.toBe('no fault');
      await scene.destination.migrations.cancelIncoming(spec.id);
      await scene.untilStates(spec.id, { source: 'running', destination: 'absent' });
    });

    test('on the source, when all is copied: both stand still, and the destination can be finished', async () => {
      const spec = await scene.guest();
      const done = await scene.performed(spec);
      await scene.harness.restartCaller('source');
      expect(await scene.states(spec.id)).toEqual({
        source: 'stands still',
        destination: 'stands still',
      });
      await scene.finish(spec, done);
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'running' });
    });

    test('on the source, when all is copied: or the guest goes on there', async () => {
      const spec = await scene.guest();
      await scene.performed(spec);
      await scene.harness.restartCaller('source');
      await scene.destination.migrations.cancelIncoming(spec.id);
      await scene.source.migrations.cancelOutgoing(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
    });

    test('on the destination: the incoming guest is gone, and the source goes on', async () => {
      const spec = await scene.guest();
      await scene.prepare(spec);
      await scene.harness.restartCaller('destination');
      await scene.untilStates(spec.id, { source: 'running', destination: 'absent' });
      await scene.source.migrations.cancelOutgoing(spec.id);
      await scene.performed(spec);
      await scene.harness.restartCaller('destination');
      await scene.untilStates(spec.id, { source: 'stands still', destination: 'absent' });
      await scene.source.migrations.cancelOutgoing(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
    });
  });
}

function daemonContract(scene: MigrationScene): void {
  describe('a daemon that dies and comes back', () => {
    test('on the source, before all is copied: the guest runs on there', async () => {
      const spec = await scene.guest();
      await scene.prepare(spec);
      await scene.harness.restartDaemon('source');
      await scene.destination.migrations.cancelIncoming(spec.id);
      await scene.source.migrations.cancelOutgoing(spec.id);
      await scene.untilStates(spec.id, { source: 'running', destination: 'absent' });
      const prepared = await scene.prepare(spec, scene.harness.slowly());
      const copying = faultOf(scene.perform(spec, prepared));
      await scene.harness.until('the copy to be under way', async () =>
        scene.source.migrations.progress(spec.id),
      );
      await scene.harness.restartDaemon('source');
      expect(await copying).toBe('connection-lost');
      await scene.destination.migrations.cancelIncoming(spec.id);
      await scene.source.migrations.cancelOutgoing(spec.id);
      await scene.untilStates(spec.id, { source: 'running', destination: 'absent' });
    });

    test('on the source, when all is copied: the guest may go on here or there', async () => {
      const spec = await scene.guest();
      await scene.performed(spec);
      await scene.harness.restartDaemon('source');
      await scene.untilStates(spec.id, { source: 'stands still', destination: 'stands still' });
      await scene.destination.migrations.cancelIncoming(spec.id);
      await scene.source.migrations.cancelOutgoing(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
      const done = await scene.performed(spec);
      await scene.harness.restartDaemon('source');
      await scene.finish(spec, done);
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'running' });
    });

    test('on the destination: the incoming guest is gone, and the source may go on', async () => {
      const spec = await scene.guest();
      await scene.prepare(spec);
      await scene.harness.restartDaemon('destination');
      await scene.untilStates(spec.id, { source: 'running', destination: 'absent' });
      await scene.source.migrations.cancelOutgoing(spec.id);
      const done = await scene.performed(spec);
      await scene.harness.restartDaemon('destination');
      await scene.untilStates(spec.id, { source: 'stands still', destination: 'absent' });
      expect(await faultOf(scene.finish(spec, done))).toBe('guest-not-found');
      await scene.source.migrations.cancelOutgoing(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'running', destination: 'absent' });
    });

    test('on the destination, when it was finished: the guest runs on there', async () => {
      const spec = await scene.guest();
      await scene.finish(spec, await scene.performed(spec));
      await scene.harness.restartDaemon('destination');
      await scene.untilStates(spec.id, { source: 'stands still', destination: 'running' });
      await scene.source.migrations.confirm(spec.id);
      expect(await scene.states(spec.id)).toEqual({ source: 'absent', destination: 'running' });
    });
  });
}
