// Redis Streams under the hub, for members that can't reach each other: a member's address is its inbox. A session is
// made by two signed offers (handshake.ts), for a link or for one question of a stranger; Redis itself is trusted with
// nothing but the delivery.
import type { Cancel, Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import type { RedisAddress } from '../../redis/address.ts';
import type { Hub } from '../hub.ts';
import { TransportFault, type AskOptions, type Lane, type Message, type Peer } from '../port.ts';
import {
  decodeQuestion,
  decodeStrangerAnswer,
  encodeQuestion,
  encodeStrangerAnswer,
  encodeStrangerRefusal,
  strangerBytes,
} from '../stranger-frames.ts';
import type { Connector } from '../wire.ts';
import { wordsOf } from '../words.ts';
import {
  createEphemeral,
  deriveKeys,
  signOffer,
  verifyOffer,
  type Offer,
  type Purpose,
} from './handshake.ts';
import { Mailbox, type Entry } from './mailbox.ts';
import { Session } from './session.ts';

export interface RedisConnectorOptions {
  readonly env: Env;
  readonly hub: Hub;
  readonly address: RedisAddress;
  /** Before all keys. */
  readonly root: string;
  readonly identityKey: Uint8Array;
  readonly networkKey: Uint8Array;
  readonly isListening: boolean;
}

interface DialPlan {
  readonly peer: MemberId;
  readonly purpose: Purpose;
  readonly withinMs: number;
  readonly session: string;
}

interface Dial {
  readonly peer: MemberId;
  readonly purpose: Purpose;
  readonly answered: (entry: Entry) => void;
  readonly failed: (cause: Error) => void;
}

const addressPrefix = 'redis:';
const dialMs = 1000;
/** Sessions that are being made or asked in at the same time, and strangers let in within one second. */
const mostArrivals = 500;
const strangersPerSecond = 20;
const strangerMs = 10_000;
/** Entries that can come between an answer and its being checked. */
const mostEarly = 64;

/** A session's id is what the dialling side chose, a dot, and what the other side did. */
const dialledPart = (session: string): string => session.split('.', 1)[0] ?? '';

export class RedisConnector implements Connector {
  readonly #options: RedisConnectorOptions;
  readonly #boxes: Readonly<Record<Lane, Mailbox>>;
  readonly #dials = new Map<string, Dial>();
  readonly #sessions = new Map<string, Session>();
  /** What came for sessions that this side is still opening, by the dialling side's part of their ids. */
  readonly #early = new Map<string, Entry[]>();
  #arrivals = 0;
  #strangers = 0;
  #cancelSecond: Cancel | undefined;
  #isClosed = false;

  constructor(options: RedisConnectorOptions) {
    this.#options = options;
    this.#boxes = { control: this.#boxOf('control'), bulk: this.#boxOf('bulk') };
  }

  async start(): Promise<void> {
    await this.#boxes.control.start();
    try {
      await this.#boxes.bulk.start();
    } catch (cause) {
      await this.#boxes.control.close();
      throw cause;
    }
  }

  addresses(): readonly string[] {
    const { isListening, hub } = this.#options;
    return isListening ? [`${addressPrefix}${hub.self}`] : [];
  }

  admit(): void {
    // The hub cuts links, and every offer is looked at when it comes: there is nothing to do.
  }

  async connect({ id }: Peer): Promise<void> {
    const session = await this.#dial(id, 'link', dialMs);
    try {
      this.#hand(session);
    } finally {
      this.#takeEarly(session);
    }
  }

  async askStranger(
    addresses: readonly string[],
    message: Message,
    { deadlineMs }: AskOptions,
  ): Promise<unknown> {
    const { env } = this.#options;
    const [address = ''] = addresses;
    const question = encodeQuestion(message);
    let session: Session;
    try {
      session = await this.#dial(address.slice(addressPrefix.length), 'question', deadlineMs);
    } catch (cause) {
      const text = `${message.type} got no answer from ${address}: ${wordsOf(cause)}`;
      throw new TransportFault('unreachable', text, { cause });
    }
    try {
      const answer = await new Promise<Uint8Array>((resolve, reject) => {
        const late = `no answer to ${message.type} within ${deadlineMs} ms`;
        const fail = (fault: TransportFault): void => {
          cancel();
          reject(fault);
        };
        const cancel = env.timers.after(deadlineMs, () =>
          reject(new TransportFault('timeout', late)),
        );
        session.open({
          received: (_lane, frame) => {
            cancel();
            resolve(frame);
          },
          drained: () => undefined,
          alive: () => undefined,
          broken: (reason) => fail(new TransportFault('disconnected', reason)),
        });
        session.send('control', question);
        this.#takeEarly(session);
      });
      return decodeStrangerAnswer(answer);
    } finally {
      session.cut('the question is over');
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelSecond?.();
    for (const session of this.#sessions.values()) session.cut('its side is closing');
    for (const dial of this.#dials.values()) dial.failed(new Error('this side is closing'));
    await Promise.all([this.#boxes.control.close(), this.#boxes.bulk.close()]);
  }

  #boxOf(lane: Lane): Mailbox {
    const { env, address, hub } = this.#options;
    return new Mailbox({
      env,
      address,
      lane,
      inbox: this.#inboxOf(hub.self, lane),
      onEntry: (entry) => this.#take(entry),
      onAway: (reason) => this.#breakAll(reason),
    });
  }

  #inboxOf(id: MemberId, lane: Lane): string {
    return `${this.#options.root}:inbox:${id}:${lane}`;
  }

  #breakAll(reason: string): void {
    for (const session of this.#sessions.values()) session.break(reason);
    for (const dial of this.#dials.values()) dial.failed(new Error(reason));
  }

  #post(to: MemberId, entry: Omit<Entry, 'from'>, lane: Lane = 'control'): void {
    const { hub } = this.#options;
    this.#boxes[lane].post(this.#inboxOf(to, lane), { ...entry, from: hub.self });
  }

  async #dial(peer: MemberId, purpose: Purpose, withinMs: number): Promise<Session> {
    const session = this.#options.env.random.uuid();
    this.#early.set(session, []);
    try {
      return await this.#offer({ peer, purpose, withinMs, session });
    } catch (cause) {
      this.#early.delete(session);
      throw cause;
    }
  }

  async #offer({ peer, purpose, withinMs, session }: DialPlan): Promise<Session> {
    const { hub, identityKey } = this.#options;
    const own = createEphemeral();
    const dialled: Offer = { purpose, from: hub.self, to: peer, session, ephemeral: own.publicKey };
    const data = await signOffer(identityKey, dialled);
    const entry = await this.#answerTo(session, { peer, purpose, withinMs }, () =>
      this.#post(peer, { kind: 'open', session, number: purpose === 'link' ? 0 : 1, data }),
    );
    const answer = { purpose, from: peer, to: hub.self, session: entry.session };
    const ephemeral = await verifyOffer(answer, entry.data);
    if (ephemeral === undefined) throw new Error('its answer is not signed by it');
    const context = {
      networkKey: this.#options.networkKey,
      dialled,
      answered: { ...answer, ephemeral },
    };
    const { ofDialler, ofListener } = deriveKeys(own, ephemeral, context);
    return this.#add(entry.session, peer, purpose, {
      isDialled: true,
      keys: { out: ofDialler, in: ofListener },
    });
  }

  #answerTo(
    session: string,
    { peer, purpose, withinMs }: { peer: MemberId; purpose: Purpose; withinMs: number },
    ask: () => void,
  ): Promise<Entry> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        cancel();
        this.#dials.delete(session);
      };
      const failed = (cause: Error): void => {
        finish();
        reject(cause);
      };
      const cancel = this.#options.env.timers.after(withinMs, () =>
        failed(new Error(`no answer within ${withinMs} ms`)),
      );
      const answered = (entry: Entry): void => {
        finish();
        resolve(entry);
      };
      this.#dials.set(session, { peer, purpose, answered, failed });
      ask();
    });
  }

  #take(entry: Entry): void {
    if (entry.kind === 'open') return this.#takeOpen(entry);
    if (entry.kind === 'accept' || entry.kind === 'refuse') return this.#takeAnswer(entry);
    const early = this.#early.get(dialledPart(entry.session));
    if (early !== undefined) {
      if (early.length < mostEarly) early.push(entry);
      return;
    }
    const session = this.#sessions.get(entry.session);
    if (session?.peer === entry.from) session.take(entry.kind, entry.number, entry.data);
  }

  /** The session is open now: what has come for it takes its way. */
  #takeEarly({ id }: Session): void {
    const early = this.#early.get(dialledPart(id)) ?? [];
    this.#early.delete(dialledPart(id));
    for (const entry of early) this.#take(entry);
  }

  #takeAnswer(entry: Entry): void {
    const dial = this.#dials.get(dialledPart(entry.session));
    if (dial === undefined || dial.peer !== entry.from) return;
    if (entry.kind === 'accept') dial.answered(entry);
    else dial.failed(new Error('it does not accept this member'));
  }

  #takeOpen(entry: Entry): void {
    if (this.#isClosed || this.#arrivals >= mostArrivals) return;
    this.#arrivals += 1;
    this.#accept(entry)
      .catch((cause: unknown) => this.#options.hub.noteOnce(entry.from, wordsOf(cause)))
      .finally(() => void (this.#arrivals -= 1));
  }

  async #accept({ from, session: dialledId, number, data }: Entry): Promise<void> {
    const { env, hub, identityKey, networkKey } = this.#options;
    const purpose = number === 0 ? 'link' : 'question';
    const opened = { purpose, from, to: hub.self, session: dialledId } as const;
    const ephemeral = await verifyOffer(opened, data);
    if (ephemeral === undefined) throw new Error('its offer is not signed by it');
    if (!this.#isWelcome(from, purpose)) {
      this.#post(from, { kind: 'refuse', session: dialledId, number: 0, data: Buffer.alloc(0) });
      throw new Error('it is no peer of this member, or no longer');
    }
    const own = createEphemeral();
    const session = `${dialledId}.${env.random.uuid()}`;
    const answered: Offer = {
      purpose,
      from: hub.self,
      to: from,
      session,
      ephemeral: own.publicKey,
    };
    const answer = await signOffer(identityKey, answered);
    const dialled: Offer = { ...opened, ephemeral };
    const { ofDialler, ofListener } = deriveKeys(own, ephemeral, { networkKey, dialled, answered });
    const made = this.#add(session, from, purpose, {
      isDialled: false,
      keys: { out: ofListener, in: ofDialler },
    });
    this.#post(from, { kind: 'accept', session, number: 0, data: answer });
    if (purpose === 'link') this.#hand(made);
    else await this.#answerStranger(made);
  }

  #isWelcome(id: MemberId, purpose: Purpose): boolean {
    const { env, hub } = this.#options;
    if (purpose === 'link') return hub.isPeer(id);
    if (hub.stranger() === undefined) return false;
    this.#strangers += 1;
    this.#cancelSecond ??= env.timers.after(1000, () => {
      this.#strangers = 0;
      this.#cancelSecond = undefined;
    });
    return this.#strangers <= strangersPerSecond;
  }

  #add(
    id: string,
    peer: MemberId,
    purpose: Purpose,
    made: Pick<Session, 'isDialled'> & {
      readonly keys: { readonly out: Buffer; readonly in: Buffer };
    },
  ): Session {
    const { frameBytes } = this.#options.hub.limits;
    const session = new Session({
      ...made,
      id,
      peer,
      ...(purpose === 'link'
        ? { mostFrameBytes: frameBytes }
        : { mostFrameBytes: { control: strangerBytes, bulk: 1 }, leastFrameBytes: 1 }),
      post: (lane, kind, number, data) =>
        this.#post(peer, { kind, session: id, number, data }, lane),
      onEnd: () => void this.#sessions.delete(id),
    });
    this.#sessions.set(id, session);
    return session;
  }

  #hand(session: Session): void {
    const events = this.#isClosed ? undefined : this.#options.hub.accept(session);
    if (events !== undefined) return session.open(events);
    session.cut('not wanted');
    throw new Error('a link to this peer is not wanted any more');
  }

  async #answerStranger(session: Session): Promise<void> {
    const { env, hub } = this.#options;
    const question = await new Promise<Uint8Array>((resolve, reject) => {
      const cancel = env.timers.after(strangerMs, () => reject(new Error('it asked nothing')));
      session.open({
        received: (_lane, frame) => {
          cancel();
          resolve(frame);
        },
        drained: () => undefined,
        alive: () => undefined,
        broken: (reason) => {
          cancel();
          reject(new Error(reason));
        },
      });
    });
    let reply: Uint8Array;
    try {
      const asked = decodeQuestion(question);
      const value = await hub.stranger()?.({ ...asked, from: session.peer, lane: 'control' });
      reply = encodeStrangerAnswer(value);
    } catch (cause) {
      reply = encodeStrangerRefusal(wordsOf(cause));
    }
    session.send('control', reply);
    session.cut('the question is answered');
  }
}
