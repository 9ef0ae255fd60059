// What the parts of the hypervisor contract share: the harness that an adapter brings, and the guests, events and waits of
// one run of the suite.

import { afterAll, afterEach, beforeAll } from 'vitest';
import type {
  ConsoleStream,
  GuestEvent,
  GuestInterface,
  GuestSpec,
  Hypervisor,
  HypervisorFaultCode,
} from '#hypervisor/port.ts';
import { HypervisorFault } from '#hypervisor/port.ts';

export const GUEST_BANNER = 'ready\r\n';

/**
 * What an adapter brings. The guests that `newSpec` describes behave so: on each start (and reset, and reboot) they
 * write GUEST_BANNER to the serial port, then echo every byte they read there, and they power off when the power
 * button is pressed.
 */
export interface HypervisorHarness {
  readonly driver: Hypervisor;
  /** A spec that can be started: new id, name and disk, one vCPU, no interfaces. */
  newSpec(overrides?: Partial<GuestSpec>): Promise<GuestSpec>;
  /** An interface on a bridge that is there, with a MAC and a device of its own. */
  newInterface(): GuestInterface;
  /** Whether the guests let go of a device that is to be unplugged. */
  readonly heedsUnplug: boolean;
  /** Whether the guests run an agent where there is a channel for it. */
  readonly hasAgent: boolean;
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

export async function faultOf(call: Promise<unknown>): Promise<HypervisorFaultCode | 'no fault'> {
  try {
    await call;
    return 'no fault';
  } catch (error) {
    if (error instanceof HypervisorFault) return error.code;
    throw error;
  }
}

/** Collects a console's output as text, from the moment it is opened. */
export function readConsole(stream: ConsoleStream): {
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

/** One run of the suite: its driver, the guests that tests started, and the events that were told. */
export class Scene {
  #harness: HypervisorHarness | undefined;
  #events: GuestEvent[] = [];
  #guests: string[] = [];

  constructor(makeHarness: () => Promise<HypervisorHarness>) {
    let unsubscribe: () => void;
    beforeAll(async () => {
      this.#harness = await makeHarness();
      unsubscribe = this.driver.subscribe((event) => this.#events.push(event));
    });
    afterEach(async () => {
      for (const id of this.#guests) await this.driver.destroy(id);
      this.#guests = [];
      this.#events = [];
    });
    afterAll(async () => {
      unsubscribe();
      await this.harness.close();
    });
  }

  get harness(): HypervisorHarness {
    if (this.#harness === undefined) throw new Error('the harness is not made yet');
    return this.#harness;
  }

  get driver(): Hypervisor {
    return this.harness.driver;
  }

  get events(): readonly GuestEvent[] {
    return this.#events;
  }

  forgetEvents(): void {
    this.#events = [];
  }

  eventsOf(id: string): GuestEvent[] {
    return this.#events.filter((event) => 'id' in event && event.id === id);
  }

  /** A spec; its guest is destroyed when the test ends. */
  async newGuest(overrides?: Partial<GuestSpec>): Promise<GuestSpec> {
    const spec = await this.harness.newSpec(overrides);
    this.#guests.push(spec.id);
    return spec;
  }

  async startGuest(overrides?: Partial<GuestSpec>): Promise<GuestSpec> {
    const spec = await this.newGuest(overrides);
    await this.driver.create(spec);
    return spec;
  }

  async startReadyGuest(overrides?: Partial<GuestSpec>): Promise<GuestSpec> {
    const spec = await this.startGuest(overrides);
    await this.untilBanners(spec, 1);
    return spec;
  }

  async consoleText(spec: GuestSpec): Promise<string> {
    return new TextDecoder().decode(await this.driver.consoleOutput(spec, 65_536));
  }

  until<T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>> {
    return this.harness.until(what, probe);
  }

  async untilBanners(spec: GuestSpec, count: number): Promise<void> {
    await this.until(`banner number ${count} of ${spec.name}`, async () => {
      const text = await this.consoleText(spec);
      return text.split(GUEST_BANNER).length - 1 >= count;
    });
  }

  async untilEvent(id: string, type: GuestEvent['type']): Promise<GuestEvent> {
    return this.until(`event ${type} of ${id}`, () =>
      this.eventsOf(id).find((event) => event.type === type),
    );
  }
}
