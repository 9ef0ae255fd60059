// The one suite for src/hypervisor/port.ts: every adapter must pass it. It talks to the driver only through the port;
// what lies outside the port (guest internals, a dead daemon, somebody else's domain) comes from the harness.
// Event orders asserted here were read from real libvirt; the table is EVENT_ORDERS.

import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  ConsoleStream,
  GuestEvent,
  GuestSpec,
  Hypervisor,
  HypervisorFaultCode,
} from '#hypervisor/port.ts';
import { HypervisorFault } from '#hypervisor/port.ts';

/**
 * What an adapter brings. The guests that `newSpec` describes behave so: on each start (and reset, and reboot) they
 * write GUEST_BANNER to the serial port, then echo every byte they read there, and they power off when the power
 * button is pressed.
 */
export interface HypervisorHarness {
  readonly driver: Hypervisor;
  /** A spec that can be started: new id, name and disk, one vCPU, no interfaces. */
  newSpec(overrides?: Partial<GuestSpec>): Promise<GuestSpec>;
  /** An absolute path that does not exist yet, for saved memory. */
  newPath(): string;
  fileExists(path: string): Promise<boolean>;
  /** The guest turns its own power off, unasked. */
  powerOffInside(id: string): Promise<void>;
  /** The process or machine that runs the guest dies at once (kill -9 of qemu). */
  killGuest(id: string): Promise<void>;
  /** Starts a guest that is not ours: no mark. */
  startForeignGuest(): Promise<{ readonly id: string; readonly name: string }>;
  stopForeignGuest(id: string): Promise<void>;
  /** The hypervisor goes away, guests live on; `restoreConnection` brings it back. */
  loseConnection(): Promise<void>;
  restoreConnection(): Promise<void>;
  /** A second driver on the same host, as after a restart of our process. */
  newDriver(): Promise<Hypervisor>;
  /** Waits until `probe` gives something else than undefined or false; a failure names `what`. */
  until<T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>>;
  close(): Promise<void>;
}

export const GUEST_BANNER = 'ready\r\n';

/**
 * The events of one guest, in order, as `type detail`, for each call on a running guest (restore: on a saved one).
 * A call resolves only after its events were told, so that no late event speaks of an earlier run of the guest.
 */
export const EVENT_ORDERS = {
  create: ['resumed unpaused', 'started booted'],
  createPaused: ['started booted', 'paused paused'],
  pause: ['paused paused'],
  pauseAgain: [],
  resume: ['resumed unpaused'],
  resumeAgain: [],
  destroy: ['stopped destroyed'],
  save: ['paused paused', 'stopped saved'],
  savePaused: ['stopped saved'],
  restore: ['started restored', 'resumed from-snapshot'],
  /** Asynchronous: these come when the guest went. */
  shutdown: ['stopped shutdown'],
  powerOffInside: ['stopped shutdown'],
  kill: ['stopped failed'],
  /** Nothing: the domain lives on. */
  reset: [],
  reboot: [],
  failedCreate: [],
} as const satisfies Record<string, readonly string[]>;

/** Polls in real time; for harnesses whose driver runs in real time. */
export async function pollUntil<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 15_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false) {
      return value as NonNullable<Exclude<T, false>>;
    }
    if (performance.now() > end) throw new Error(`timed out after ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

async function faultOf(call: Promise<unknown>): Promise<HypervisorFaultCode | 'no fault'> {
  try {
    await call;
    return 'no fault';
  } catch (error) {
    if (error instanceof HypervisorFault) return error.code;
    throw error;
  }
}

/** Collects a console's output as text, from the moment it is opened. */
function readConsole(stream: ConsoleStream): {
  readonly text: () => string;
  readonly ended: () => boolean;
} {
  let text = '';
  let ended = false;
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of stream.output) text += decoder.decode(chunk, { stream: true });
    ended = true;
  })();
  return { text: () => text, ended: () => ended };
}

export function hypervisorContract(
  name: string,
  makeHarness: () => Promise<HypervisorHarness>,
): void {
  describe(`${name} as a hypervisor`, () => {
    let harness: HypervisorHarness;
    let driver: Hypervisor;
    let events: GuestEvent[] = [];
    let started: string[] = [];
    let unsubscribe: () => void;

    beforeAll(async () => {
      harness = await makeHarness();
      driver = harness.driver;
      unsubscribe = driver.subscribe((event) => events.push(event));
    });

    afterEach(async () => {
      for (const id of started) await driver.destroy(id);
      started = [];
      events = [];
    });

    afterAll(async () => {
      unsubscribe();
      await harness.close();
    });

    async function newGuest(overrides?: Partial<GuestSpec>): Promise<GuestSpec> {
      const spec = await harness.newSpec(overrides);
      started.push(spec.id);
      return spec;
    }

    async function startGuest(overrides?: Partial<GuestSpec>): Promise<GuestSpec> {
      const spec = await newGuest(overrides);
      await driver.create(spec);
      return spec;
    }

    async function startReadyGuest(overrides?: Partial<GuestSpec>): Promise<GuestSpec> {
      const spec = await startGuest(overrides);
      await untilBanners(spec, 1);
      return spec;
    }

    async function consoleText(spec: GuestSpec): Promise<string> {
      return new TextDecoder().decode(await driver.consoleOutput(spec, 65_536));
    }

    async function untilBanners(spec: GuestSpec, count: number): Promise<void> {
      await harness.until(`banner number ${count} of ${spec.name}`, async () => {
        const text = await consoleText(spec);
        return text.split(GUEST_BANNER).length - 1 >= count;
      });
    }

    function eventsOf(id: string): GuestEvent[] {
      return events.filter((event) => 'id' in event && event.id === id);
    }

    async function untilEvent(id: string, type: GuestEvent['type']): Promise<GuestEvent> {
      return harness.until(`event ${type} of ${id}`, () =>
        eventsOf(id).find((event) => event.type === type),
      );
    }

    test('hostInfo describes a machine', async () => {
      const info = await driver.hostInfo();
      expect(info.cpus).toBeGreaterThan(0);
      expect(info.memoryMiB).toBeGreaterThan(64);
      expect(info.hypervisorVersion).toBeGreaterThan(1_000_000);
      expect(info.architecture).toMatch(/^[a-z0-9_]+$/);
      const { sockets, cores, threads } = info.cpuTopology;
      expect(Math.min(sockets, cores, threads)).toBeGreaterThan(0);
    });

    test('a created guest runs, is found and listed with its mark, and boots', async () => {
      const spec = await newGuest();
      const wanted = { id: spec.id, name: spec.name, power: 'running', mark: spec.mark };
      expect(await driver.create(spec)).toEqual(wanted);
      expect(await driver.find(spec.id)).toEqual(wanted);
      expect((await driver.list()).filter((guest) => guest.id === spec.id)).toEqual([wanted]);
      await untilBanners(spec, 1);
    });

    test('a guest created paused stands still until it is resumed', async () => {
      const spec = await newGuest();
      expect((await driver.create(spec, { paused: true })).power).toBe('paused');
      expect(await consoleText(spec)).toBe('');
      await driver.resume(spec.id);
      expect((await driver.find(spec.id))?.power).toBe('running');
      await untilBanners(spec, 1);
    });

    test('a second guest of the same id is refused and the first goes on', async () => {
      const spec = await startGuest();
      expect(await faultOf(driver.create(spec))).toBe('guest-exists');
      const renamed = { ...spec, name: `${spec.name}-b` };
      expect(await faultOf(driver.create(renamed))).toBe('guest-exists');
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('a second guest of the same name is refused', async () => {
      const spec = await startGuest();
      const other = await newGuest({ name: spec.name });
      expect(await faultOf(driver.create(other))).toBe('guest-exists');
      expect(await driver.find(other.id)).toBeUndefined();
    });

    test('of two creates of one guest at once exactly one wins', async () => {
      const spec = await newGuest();
      const outcomes = await Promise.all([
        faultOf(driver.create(spec)),
        faultOf(driver.create(spec)),
      ]);
      expect(outcomes.sort()).toEqual(['guest-exists', 'no fault']);
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest that is not there is not found, and only destroy is silent about it', async () => {
      const id = randomUUID();
      expect(await driver.find(id)).toBeUndefined();
      expect(await faultOf(driver.destroy(id))).toBe('no fault');
      expect(await faultOf(driver.pause(id))).toBe('guest-not-found');
      expect(await faultOf(driver.resume(id))).toBe('guest-not-found');
      expect(await faultOf(driver.shutdown(id))).toBe('guest-not-found');
      expect(await faultOf(driver.reboot(id))).toBe('guest-not-found');
      expect(await faultOf(driver.reset(id))).toBe('guest-not-found');
      expect(await faultOf(driver.save(id, harness.newPath()))).toBe('guest-not-found');
      expect(await faultOf(driver.openConsole(id))).toBe('guest-not-found');
    });

    test('a destroyed guest is gone, and says so', async () => {
      const spec = await startGuest();
      await driver.destroy(spec.id);
      expect(await driver.find(spec.id)).toBeUndefined();
      await driver.destroy(spec.id);
      expect(await driver.find(spec.id)).toBeUndefined();
    });

    test('the same guest can be created again after it was destroyed', async () => {
      const spec = await startReadyGuest();
      await driver.destroy(spec.id);
      const again = { ...spec, mark: { ...spec.mark, runEpoch: spec.mark.runEpoch + 1 } };
      expect((await driver.create(again)).mark).toEqual(again.mark);
      expect((await driver.find(spec.id))?.mark).toEqual(again.mark);
      await untilBanners(again, 1);
    });

    test('pause and resume stop and go on, and repeating either is no fault', async () => {
      const spec = await startReadyGuest();
      await driver.pause(spec.id);
      await driver.pause(spec.id);
      expect((await driver.find(spec.id))?.power).toBe('paused');
      await driver.resume(spec.id);
      await driver.resume(spec.id);
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest that heeds the power button stops as shut down', async () => {
      const spec = await startReadyGuest();
      await driver.shutdown(spec.id);
      const stopped = await untilEvent(spec.id, 'guest.stopped');
      expect(stopped).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'shutdown' });
      expect(await driver.find(spec.id)).toBeUndefined();
    });

    test('a guest that powers itself off stops as shut down', async () => {
      const spec = await startReadyGuest();
      await harness.powerOffInside(spec.id);
      const stopped = await untilEvent(spec.id, 'guest.stopped');
      expect(stopped).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'shutdown' });
      expect(await driver.find(spec.id)).toBeUndefined();
    });

    test('a guest whose process is killed stops as failed', async () => {
      const spec = await startReadyGuest();
      await harness.killGuest(spec.id);
      const stopped = await untilEvent(spec.id, 'guest.stopped');
      expect(stopped).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'failed' });
      expect(await driver.find(spec.id)).toBeUndefined();
    });

    test('reset starts the same domain anew and keeps its console log', async () => {
      const spec = await startReadyGuest();
      await driver.reset(spec.id);
      await untilBanners(spec, 2);
      expect((await driver.find(spec.id))?.power).toBe('running');
      expect(eventsOf(spec.id).filter((event) => event.type === 'guest.stopped')).toEqual([]);
    });

    test('reboot restarts the guest within the same domain', async () => {
      const spec = await startReadyGuest();
      await driver.reboot(spec.id);
      await untilBanners(spec, 2);
      await harness.until(
        'the guest to run again',
        async () => (await driver.find(spec.id))?.power === 'running',
      );
      expect(eventsOf(spec.id).filter((event) => event.type === 'guest.stopped')).toEqual([]);
    });

    test('a saved guest stops, and restore goes on where it was under the new mark', async () => {
      const spec = await startReadyGuest();
      const path = harness.newPath();
      await driver.save(spec.id, path);
      expect(await driver.find(spec.id)).toBeUndefined();
      expect(await harness.fileExists(path)).toBe(true);

      const next = { ...spec, mark: { ...spec.mark, runEpoch: spec.mark.runEpoch + 5 } };
      const wanted = { id: spec.id, name: spec.name, power: 'running', mark: next.mark };
      expect(await driver.restore(next, path)).toEqual(wanted);
      expect(await driver.find(spec.id)).toEqual(wanted);
      expect(await harness.fileExists(path)).toBe(true);

      const stream = await driver.openConsole(spec.id);
      const seen = readConsole(stream);
      await stream.write(new TextEncoder().encode('still here'));
      await harness.until('the restored guest to echo', () => seen.text().includes('still here'));
      expect(seen.text()).not.toContain(GUEST_BANNER);
      await stream.close();
    });

    test('restore is refused while the guest runs, and of a file that is not there', async () => {
      const spec = await startReadyGuest();
      const path = harness.newPath();
      await driver.save(spec.id, path);
      await driver.restore(spec, path);
      expect(await faultOf(driver.restore(spec, path))).toBe('guest-exists');
      await driver.destroy(spec.id);
      expect(await faultOf(driver.restore(spec, harness.newPath()))).toBe('failed');
      expect(await driver.find(spec.id)).toBeUndefined();
    });

    test('a save that cannot be written leaves no file and the guest running', async () => {
      const spec = await startReadyGuest();
      const path = `${harness.newPath()}/no/such/directory/memory`;
      expect(await faultOf(driver.save(spec.id, path))).toBe('failed');
      expect(await harness.fileExists(path)).toBe(false);
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest that cannot start leaves nothing behind', async () => {
      const broken = await newGuest();
      const disks = broken.disks.map((disk) => ({ ...disk, path: `${disk.path}.missing` }));
      expect(await faultOf(driver.create({ ...broken, disks }))).toBe('failed');
      expect(await driver.find(broken.id)).toBeUndefined();
    });

    test('a domain without our mark is listed as foreign', async () => {
      const foreign = await harness.startForeignGuest();
      const wanted = { id: foreign.id, name: foreign.name, power: 'running', mark: undefined };
      expect((await driver.list()).filter((guest) => guest.id === foreign.id)).toEqual([wanted]);
      expect(await driver.find(foreign.id)).toEqual(wanted);
      await harness.stopForeignGuest(foreign.id);
    });

    test('markup, quotes and control characters in a title stay text', async () => {
      const spec = await startGuest({
        title: `</title><os>'"&amp;]]>\u0000\u0007\u001b[31m\u0085\ud800\ufffe\n\t💥`,
        mark: { cluster: `c<'">&`, host: 'h&"1', runEpoch: 7 },
      });
      expect(await driver.find(spec.id)).toEqual({
        id: spec.id,
        name: spec.name,
        power: 'running',
        mark: { cluster: `c<'">&`, host: 'h&"1', runEpoch: 7 },
      });
    });

    test('the console carries bytes both ways and ends with the guest', async () => {
      const spec = await startReadyGuest();
      const stream = await driver.openConsole(spec.id);
      const seen = readConsole(stream);
      await stream.write(new TextEncoder().encode('hello'));
      await harness.until('the echo of hello', () => seen.text().includes('hello'));
      await driver.destroy(spec.id);
      await harness.until('the end of the console', () => seen.ended());
      expect(seen.text()).toMatch(/hello$/);
    });

    test('a closed console leaves the guest running and can be opened again', async () => {
      const spec = await startReadyGuest();
      const first = await driver.openConsole(spec.id);
      const firstSeen = readConsole(first);
      await first.close();
      await harness.until('the end of the closed console', () => firstSeen.ended());
      expect(await faultOf(first.write(new Uint8Array([65])))).not.toBe('no fault');
      const second = await driver.openConsole(spec.id);
      const secondSeen = readConsole(second);
      await second.write(new TextEncoder().encode('again'));
      await harness.until('the echo of again', () => secondSeen.text().includes('again'));
      await second.close();
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('the newest viewer takes the console over from an older one', async () => {
      const spec = await startReadyGuest();
      const older = readConsole(await driver.openConsole(spec.id));
      const stream = await driver.openConsole(spec.id);
      const newer = readConsole(stream);
      await harness.until('the end of the older console', () => older.ended());
      await stream.write(new TextEncoder().encode('mine'));
      await harness.until('the echo of mine', () => newer.text().includes('mine'));
      expect(older.text()).not.toContain('mine');
      await stream.close();
    });

    test('a new start begins a new console log, a restore goes on in the old one', async () => {
      const spec = await startReadyGuest();
      const path = harness.newPath();
      await driver.save(spec.id, path);
      await driver.restore(spec, path);
      expect(await consoleText(spec)).toContain(GUEST_BANNER);
      await driver.reset(spec.id);
      await untilBanners(spec, 2);
      await driver.destroy(spec.id);
      await driver.create(spec, { paused: true });
      expect(await consoleText(spec)).toBe('');
    });

    test('console output gives the last bytes asked for, and none for a guest never started', async () => {
      const spec = await startReadyGuest();
      const all = await driver.consoleOutput(spec, 65_536);
      expect(await driver.consoleOutput(spec, 4)).toEqual(all.slice(-4));
      expect(await driver.consoleOutput(spec, 0)).toEqual(new Uint8Array(0));
      const never = await harness.newSpec();
      expect(await driver.consoleOutput(never, 100)).toEqual(new Uint8Array(0));
    });

    test('console output is kept after the guest stopped', async () => {
      const spec = await startReadyGuest();
      const before = await consoleText(spec);
      await driver.destroy(spec.id);
      expect(await consoleText(spec)).toBe(before);
    });

    test('guests outlive a lost connection, and calls work again after it is back', async () => {
      const spec = await startReadyGuest();
      await harness.loseConnection();
      await harness.until('connection.down', () =>
        events.some((event) => event.type === 'connection.down'),
      );
      expect(await faultOf(driver.list())).toBe('connection-lost');
      expect(await faultOf(driver.pause(spec.id))).toBe('connection-lost');
      await harness.restoreConnection();
      await harness.until('connection.up', () =>
        events.some((event) => event.type === 'connection.up'),
      );
      expect(await driver.find(spec.id)).toEqual({
        id: spec.id,
        name: spec.name,
        power: 'running',
        mark: spec.mark,
      });
      events = [];
      await driver.pause(spec.id);
      await untilEvent(spec.id, 'guest.paused');
    });

    test('a console ends when the connection is lost', async () => {
      const spec = await startReadyGuest();
      const seen = readConsole(await driver.openConsole(spec.id));
      await harness.loseConnection();
      await harness.until('the end of the console', () => seen.ended());
      await harness.restoreConnection();
      await harness.until('connection.up', () =>
        events.some((event) => event.type === 'connection.up'),
      );
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('another driver sees the same guests with their marks', async () => {
      const spec = await startGuest();
      const other = await harness.newDriver();
      expect(await other.find(spec.id)).toEqual(await driver.find(spec.id));
      expect((await other.list()).filter((guest) => guest.id === spec.id)).toEqual([
        { id: spec.id, name: spec.name, power: 'running', mark: spec.mark },
      ]);
      await other.close();
      expect((await driver.find(spec.id))?.power).toBe('running');
    });

    test('a closed driver refuses calls and is silent', async () => {
      const other = await harness.newDriver();
      const heard: GuestEvent[] = [];
      other.subscribe((event) => heard.push(event));
      await other.close();
      await other.close();
      expect(await faultOf(other.list())).toBe('connection-lost');
      const spec = await startGuest();
      await untilEvent(spec.id, 'guest.started');
      expect(heard).toEqual([]);
    });

    test('an unsubscribed listener hears nothing more', async () => {
      const heard: GuestEvent[] = [];
      const stop = driver.subscribe((event) => heard.push(event));
      stop();
      const spec = await startGuest();
      await untilEvent(spec.id, 'guest.started');
      expect(heard).toEqual([]);
    });

    describe('event orders, as libvirt gives them', () => {
      /** Runs a call and gives the events that were told when it resolved. */
      async function orderOf(id: string, call: () => Promise<unknown>): Promise<string[]> {
        events = [];
        await call();
        return namesOf(id);
      }

      function namesOf(id: string): string[] {
        return eventsOf(id).map((event) =>
          'detail' in event ? `${event.type.slice('guest.'.length)} ${event.detail}` : event.type,
        );
      }

      test('create and destroy', async () => {
        const spec = await newGuest();
        expect(await orderOf(spec.id, () => driver.create(spec))).toEqual(EVENT_ORDERS.create);
        expect(await orderOf(spec.id, () => driver.destroy(spec.id))).toEqual(EVENT_ORDERS.destroy);
        expect(await orderOf(spec.id, () => driver.destroy(spec.id))).toEqual([]);
      });

      test('create paused, resume, pause', async () => {
        const spec = await newGuest();
        const { id } = spec;
        const created = await orderOf(id, () => driver.create(spec, { paused: true }));
        expect(created).toEqual(EVENT_ORDERS.createPaused);
        expect(await orderOf(id, () => driver.resume(id))).toEqual(EVENT_ORDERS.resume);
        expect(await orderOf(id, () => driver.resume(id))).toEqual(EVENT_ORDERS.resumeAgain);
        expect(await orderOf(id, () => driver.pause(id))).toEqual(EVENT_ORDERS.pause);
        expect(await orderOf(id, () => driver.pause(id))).toEqual(EVENT_ORDERS.pauseAgain);
      });

      test('save and restore, running and paused', async () => {
        const spec = await startReadyGuest();
        const { id } = spec;
        const path = harness.newPath();
        expect(await orderOf(id, () => driver.save(id, path))).toEqual(EVENT_ORDERS.save);
        expect(await orderOf(id, () => driver.restore(spec, path))).toEqual(EVENT_ORDERS.restore);
        await driver.pause(id);
        const second = harness.newPath();
        expect(await orderOf(id, () => driver.save(id, second))).toEqual(EVENT_ORDERS.savePaused);
        const restored = await orderOf(id, () => driver.restore(spec, second));
        expect(restored).toEqual(EVENT_ORDERS.restore);
        expect((await driver.find(id))?.power).toBe('running');
      });

      test('power off by button, from inside, and by death', async () => {
        const spec = await startReadyGuest();
        const { id } = spec;
        const ways = [
          [() => driver.shutdown(id), EVENT_ORDERS.shutdown],
          [() => harness.powerOffInside(id), EVENT_ORDERS.powerOffInside],
          [() => harness.killGuest(id), EVENT_ORDERS.kill],
        ] as const;
        for (const [go, wanted] of ways) {
          events = [];
          await go();
          await untilEvent(id, 'guest.stopped');
          expect(namesOf(id)).toEqual(wanted);
          await driver.create(spec);
          await untilBanners(spec, 1);
        }
      });

      test('reset and reboot are silent', async () => {
        const spec = await startReadyGuest();
        const { id } = spec;
        events = [];
        await driver.reset(id);
        await untilBanners(spec, 2);
        expect(namesOf(id)).toEqual(EVENT_ORDERS.reset);
        await driver.reboot(id);
        await untilBanners(spec, 3);
        expect(namesOf(id)).toEqual(EVENT_ORDERS.reboot);
      });

      test('a create that is refused is silent', async () => {
        const spec = await newGuest();
        const disks = spec.disks.map((disk) => ({ ...disk, path: `${disk.path}.missing` }));
        const order = await orderOf(spec.id, () => faultOf(driver.create({ ...spec, disks })));
        expect(order).toEqual(EVENT_ORDERS.failedCreate);
      });
    });
  });
}
