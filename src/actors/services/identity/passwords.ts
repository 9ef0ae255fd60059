// Password hashing by scrypt, on libuv's threads and with a bounded queue, so that neither logins nor an attack on
// them hold up the event loop. A password that was right once is remembered for its hash under a key of this process
// (never in clear, never stored), so that clients that log in at each command pay for scrypt once.
// Stored form: scrypt$N$r$p$salt$hash, the last two in base64url.
import { createHmac, scrypt, timingSafeEqual } from 'node:crypto';
import type { Random } from '#runtime/env/env.ts';

/** With the other two: about 35 ms and 16 MiB on a core of 2020. */
const defaultCost = 16_384;
const hashLength = 32;
/** Of libuv's four threads, two stay free for files. */
const maxRunning = 2;
const maxWaiting = 256;
const maxRemembered = 4096;

/** Thrown when too many logins wait; answer 503 with Retry-After. */
export class PasswordQueueFull extends Error {
  override readonly name = 'PasswordQueueFull';
}

export interface PasswordHasher {
  hash(password: string): Promise<string>;
  /** `undefined` stored: takes the time of a real check, and is false. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

export interface PasswordSettings {
  /** scrypt's N, a power of two. Hashes made with another one stay good. */
  readonly cost?: number;
}

export function passwordHasher(random: Random, settings: PasswordSettings = {}): PasswordHasher {
  return new ScryptHasher(random, { N: settings.cost ?? defaultCost, r: 8, p: 1 });
}

interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

class ScryptHasher implements PasswordHasher {
  readonly #random: Random;
  readonly #cost: ScryptCost;
  readonly #memoryKey: Uint8Array;
  readonly #remembered = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(random: Random, cost: ScryptCost) {
    this.#random = random;
    this.#cost = cost;
    this.#memoryKey = random.bytes(32);
  }

  async hash(password: string): Promise<string> {
    const salt = Buffer.from(this.#random.bytes(16));
    const hash = await this.#derive(password, salt, this.#cost);
    const { N, r, p } = this.#cost;
    const [saltText, hashText] = [salt, hash].map((bytes) => bytes.toString('base64url'));
    const stored = `scrypt$${N}$${r}$${p}$${saltText}$${hashText}`;
    this.#remember(this.#memoryOf(password, stored));
    return stored;
  }

  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const parts = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w-]+)\$([\w-]+)$/.exec(stored ?? '');
    if (stored === undefined || parts === null) {
      await this.#derive(password, Buffer.alloc(16), this.#cost);
      return false;
    }
    const memory = this.#memoryOf(password, stored);
    if (this.#remembered.has(memory)) return true;
    const [, N, r, p, salt = '', hash = ''] = parts;
    const expected = Buffer.from(hash, 'base64url');
    const actual = await this.#derive(password, Buffer.from(salt, 'base64url'), {
      N: Number(N),
      r: Number(r),
      p: Number(p),
    });
    if (!timingSafeEqual(actual, expected)) return false;
    this.#remember(memory);
    return true;
  }

  #memoryOf(password: string, stored: string): string {
    return createHmac('sha256', this.#memoryKey)
      .update(stored)
      .update('\0')
      .update(password)
      .digest('base64url');
  }

  #remember(memory: string): void {
    if (this.#remembered.size >= maxRemembered) {
      const [oldest] = this.#remembered;
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.add(memory);
  }

  async #derive(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
    await this.#enter();
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        scrypt(password.normalize('NFC'), salt, hashLength, cost, (error, hash) =>
          error === null ? resolve(hash) : reject(error),
        );
      });
    } finally {
      this.#leave();
    }
  }

  #enter(): Promise<void> {
    if (this.#running < maxRunning) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= maxWaiting)
      return Promise.reject(new PasswordQueueFull(`${maxWaiting} logins are waiting already`));
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Hands the place to the next in line, or gives it back. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
