// The guests of one simulated host, running and stopped, and their open consoles. Stopped ones are kept, up to a bound,
// for their console logs. It must not decide what happens to a guest (guest.ts) nor who is told (host.ts).

import { SimulatedConsole } from './console-stream.ts';
import { consoleText, writeConsole } from './console-text.ts';
import type { SimulatedGuest } from './guest.ts';

const maxStoppedGuests = 10_000;
/** Up to so many guests a name is looked for one by one: an index would cost each guest a sixth of its memory. */
const maxWithoutIndex = 512;

export interface GuestTableOptions {
  /** What one boot of this guest writes to its console. */
  readonly bootText: (guest: SimulatedGuest) => string;
  /** Told of every guest that is stored (or, with undefined, forgotten). */
  readonly changed: (id: string, guest: SimulatedGuest | undefined) => void;
}

export class GuestTable {
  readonly #options: GuestTableOptions;
  readonly #guests = new Map<string, SimulatedGuest>();
  /** Names of guests that are not off, once there are many. */
  #names: Set<string> | undefined;
  readonly #consoles = new Map<string, SimulatedConsole>();
  #stopped = 0;

  constructor(options: GuestTableOptions) {
    this.#options = options;
  }

  /** Those that are off, too. */
  all(): Iterable<SimulatedGuest> {
    return this.#guests.values();
  }

  find(id: string): SimulatedGuest | undefined {
    return this.#guests.get(id);
  }

  /** Whether a guest that is not off has this name. */
  hasName(name: string): boolean {
    if (this.#names !== undefined) return this.#names.has(name);
    for (const guest of this.#guests.values()) {
      if (guest.name === name && guest.power !== 'off') return true;
    }
    return false;
  }

  store(guest: SimulatedGuest): void {
    const before = this.#guests.get(guest.id);
    if (before === guest) return;
    this.restore(guest);
    this.#options.changed(guest.id, guest);
    if (guest.power === 'off') this.#endConsole(guest.id);
    else if (before !== undefined && guest.boots > before.boots) {
      this.#show(guest.id, this.#options.bootText(guest));
    }
    if (this.#stopped > maxStoppedGuests) this.#forgetOldest();
  }

  /** Like `store`, for a guest that is read back: nobody is told. */
  restore(guest: SimulatedGuest): void {
    const before = this.#guests.get(guest.id);
    if (before?.power === 'off') this.#stopped -= 1;
    else if (before !== undefined) this.#names?.delete(before.name);
    if (guest.power === 'off') this.#stopped += 1;
    else this.#names?.add(guest.name);
    this.#guests.set(guest.id, guest);
    if (this.#names === undefined && this.#guests.size > maxWithoutIndex) this.#indexNames();
  }

  #indexNames(): void {
    const running = [...this.#guests.values()].filter((guest) => guest.power !== 'off');
    this.#names = new Set(running.map((guest) => guest.name));
  }

  /** Forgets a stopped guest and its console log; a running one stays. */
  forget(id: string): void {
    if (this.#guests.get(id)?.power !== 'off') return;
    this.#guests.delete(id);
    this.#stopped -= 1;
    this.#options.changed(id, undefined);
  }

  #forgetOldest(): void {
    for (const guest of this.#guests.values()) {
      if (guest.power === 'off') return this.forget(guest.id);
    }
  }

  consoleText(guest: SimulatedGuest): string {
    return consoleText(guest, this.#options.bootText(guest));
  }

  /** As on libvirt, the newest viewer takes the console over from an older one. */
  openConsole(id: string): SimulatedConsole {
    this.#endConsole(id);
    const console = new SimulatedConsole((data) => this.#echo(id, data));
    this.#consoles.set(id, console);
    console.onEnd(() => {
      if (this.#consoles.get(id) === console) this.#consoles.delete(id);
    });
    return console;
  }

  /** A guest that stands still does not hear; one that runs writes back what it reads. */
  #echo(id: string, data: Uint8Array): void {
    const guest = this.#guests.get(id);
    if (guest?.power !== 'running') return;
    const text = new TextDecoder().decode(data);
    this.#guests.set(id, writeConsole(guest, this.#options.bootText(guest), text));
    this.#show(id, text);
  }

  #show(id: string, text: string): void {
    this.#consoles.get(id)?.push(new TextEncoder().encode(text));
  }

  #endConsole(id: string): void {
    this.#consoles.get(id)?.end();
  }
}
