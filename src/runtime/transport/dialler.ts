// Keeps trying to reach the peers that this member dials, for as long as they are peers: the wait doubles within narrow
// bounds, with chance in it, and it never gives up. Of two members with addresses the one with the smaller id dials; the
// other one does, too, once it has waited too long (the first may be unable to reach it).
import type { Cancel, Env } from '../env/env.ts';
import type { MemberId } from '../membership/store.ts';
import type { Peer } from './port.ts';
import type { TransportLimits } from './limits.ts';

export interface DiallerOptions {
  readonly env: Env;
  readonly self: MemberId;
  readonly limits: TransportLimits;
  readonly hasAddresses: () => boolean;
  /** Rejects with the reason, within a bounded time. */
  readonly connect: (peer: Peer) => Promise<void>;
  readonly onFailure: (peer: Peer, cause: unknown) => void;
}

interface Course {
  peer: Peer;
  failures: number;
  isLinked: boolean;
  isTrying: boolean;
  isWaiting: boolean;
  linkedAtMs: number;
  cancel: Cancel;
}

/** A link that held for so long was a good one: the next tries start quickly again. */
const goodLinkMs = 5000;

export class Dialler {
  readonly #options: DiallerOptions;
  readonly #courses = new Map<MemberId, Course>();

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** Replaces whom to reach; known ones go on as they are. */
  setPeers(peers: ReadonlyMap<MemberId, Peer>): void {
    for (const [id, course] of this.#courses) {
      if (peers.has(id)) continue;
      course.cancel();
      this.#courses.delete(id);
    }
    for (const peer of peers.values()) {
      const known = this.#courses.get(peer.id);
      if (known !== undefined) {
        const hadAddresses = known.peer.addresses.length > 0;
        known.peer = peer;
        if (hadAddresses || peer.addresses.length === 0) continue;
        this.#wait(known, this.#firstWaitMs(peer));
        continue;
      }
      const course: Course = {
        peer,
        failures: 0,
        isLinked: false,
        isTrying: false,
        isWaiting: false,
        linkedAtMs: 0,
        cancel: () => undefined,
      };
      this.#courses.set(peer.id, course);
      this.#wait(course, this.#firstWaitMs(peer));
    }
  }

  /** There is a link. */
  linked(id: MemberId): void {
    const course = this.#courses.get(id);
    if (course === undefined) return;
    course.isLinked = true;
    course.linkedAtMs = this.#options.env.clock.monotonic();
    course.cancel();
    course.isWaiting = false;
  }

  /** There is no link any more, or the one that was opened never came up. A foul peer is not tried at once. */
  unlinked(id: MemberId, isFoul: boolean): void {
    const course = this.#courses.get(id);
    if (course === undefined) return;
    const { env, limits } = this.#options;
    if (course.isLinked && env.clock.monotonic() - course.linkedAtMs >= goodLinkMs)
      course.failures = 0;
    course.isLinked = false;
    if (isFoul) this.#wait(course, limits.patienceMs);
    else this.#again(course);
  }

  close(): void {
    for (const course of this.#courses.values()) course.cancel();
    this.#courses.clear();
  }

  #firstWaitMs(peer: Peer): number {
    return this.#isOurs(peer) ? 0 : this.#options.limits.patienceMs;
  }

  #isOurs(peer: Peer): boolean {
    const { self, hasAddresses } = this.#options;
    return !hasAddresses() || self < peer.id;
  }

  #wait(course: Course, delayMs: number): void {
    course.cancel();
    course.isWaiting = !course.isLinked && course.peer.addresses.length > 0;
    if (!course.isWaiting) return;
    course.cancel = this.#options.env.timers.after(delayMs, () => void this.#try(course));
  }

  #again(course: Course): void {
    const { env, limits } = this.#options;
    const [firstMs, mostMs] = limits.redialMs;
    const waitMs = Math.min(mostMs, firstMs * 2 ** Math.min(course.failures, 16));
    const jitteredMs = waitMs * (0.75 + env.random.float() / 2);
    this.#wait(course, this.#isOurs(course.peer) ? jitteredMs : limits.patienceMs + jitteredMs);
  }

  async #try(course: Course): Promise<void> {
    const { id } = course.peer;
    if (course.isLinked || course.isTrying) {
      course.isWaiting = false;
      return;
    }
    course.isTrying = true;
    course.isWaiting = false;
    course.failures += 1;
    try {
      await this.#options.connect(course.peer);
    } catch (cause) {
      if (this.#courses.get(id) !== course) return;
      this.#options.onFailure(course.peer, cause);
      course.isTrying = false;
      if (!course.isLinked) this.#again(course);
      return;
    }
    course.isTrying = false;
    // The link says when it is up or over; should it say neither, the next try is due after the greeting's time.
    if (!course.isWaiting && this.#courses.get(id) === course)
      this.#wait(course, this.#options.limits.greetingMs * 2);
  }
}
