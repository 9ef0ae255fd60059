// A link to one peer over one wire: both greet, then messages flow, gathered into frames. A frame counts only if it
// carries this link's session and the next number of its lane: repeats have no effect, a gap or anything that is no
// frame ends the link, since after it nothing about what was under way is known. Liveness is in pulse(), which the hub
// calls for all links together.
import type { Env } from '../env/env.ts';
import type { MemberId } from '../membership/store.ts';
import { Answers } from './answers.ts';
import { Asks } from './asks.ts';
import { encodeFrame, isOfSession, itemsOf, noSession, seqOf, type Session } from './frame.ts';
import {
  decodeItems,
  encodeAsk,
  encodeGoodbye,
  encodeGreeting,
  encodeTell,
  pingItem,
  protocols,
  type Greeting,
  type Item,
} from './items.ts';
import type { TransportLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import { wordsOf } from './words.ts';
import {
  TransportFault,
  type AskOptions,
  type Hello,
  type Lane,
  type Message,
  type MessageHandler,
} from './port.ts';
import type { Wire, WireEvents } from './wire.ts';

export interface LinkOptions {
  readonly env: Env;
  readonly wire: Wire;
  readonly self: MemberId;
  readonly incarnation: number;
  readonly limits: TransportLimits;
  /** Calls `fn` once the messages of this moment are gathered. */
  readonly gather: (fn: () => void) => void;
  readonly handler: MessageHandler;
  /** Both sides have greeted. The link may be cut from here. */
  readonly onUp: (link: Link, hello: Hello) => void;
  /** The link is over, whether it was up or not. */
  readonly onEnd: (link: Link, end: LinkEnd) => void;
}

export interface LinkEnd {
  readonly reason: string;
  /** The peer did what no peer in order does. */
  readonly isFoul: boolean;
}

interface LaneState {
  isGreeted: boolean;
  isBlocked: boolean;
  /** Pulses since it was blocked. */
  blockedPulses: number;
  seq: number;
}

/** Frames that come between the two greetings of a peer; more than a few can't. */
const mostEarlyFrames = 64;
const lanes = ['control', 'bulk'] as const;

export class Link implements WireEvents {
  readonly peer: MemberId;
  readonly isDialled: boolean;
  readonly #options: LinkOptions;
  readonly #session: Session;
  readonly #asks: Asks;
  readonly #answers: Answers;
  readonly #lanes: Readonly<Record<Lane, LaneState>> = {
    control: { isGreeted: false, isBlocked: false, blockedPulses: 0, seq: 0 },
    bulk: { isGreeted: false, isBlocked: false, blockedPulses: 0, seq: 0 },
  };
  #boxes: Readonly<Record<Lane, Outbox>> | undefined;
  #hello: Hello | undefined;
  #early: [Lane, Uint8Array][] = [];
  #isGathering = false;
  #isOver = false;
  #silentPings = 0;

  constructor(options: LinkOptions) {
    const { env, wire } = options;
    this.#options = options;
    this.peer = wire.peer;
    this.isDialled = wire.isDialled;
    this.#session = env.random.bytes(noSession.length);
    this.#asks = new Asks(env, wire.peer);
    this.#answers = new Answers({
      env,
      peer: wire.peer,
      most: options.limits.messagesInHand,
      handler: options.handler,
      send: (lane, item) => this.#answer(lane, item),
    });
  }

  /** What the peer said of itself; undefined until the link is up. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  greet(): void {
    const { self, incarnation, wire } = this.#options;
    const greeting = { member: self, incarnation, ...protocols, session: this.#session };
    const frame = encodeFrame(noSession, 0, [encodeGreeting(greeting)]);
    for (const lane of lanes)
      if (!this.#isOver && !wire.send(lane, frame)) this.#lanes[lane].isBlocked = true;
  }

  tell(message: Message, lane: Lane): boolean {
    const item = encodeTell(message);
    this.#checkSize(item, message.type, lane);
    return this.#send(lane, item);
  }

  ask(message: Message, { deadlineMs, lane = 'control' }: AskOptions): Promise<unknown> {
    const box = this.#boxes?.[lane];
    if (box === undefined || this.#isOver) throw this.#unreachable(message.type);
    const waiting = this.#asks.count;
    if (waiting >= this.#options.limits.asksInFlight)
      throw this.#overloaded(message.type, `${waiting} questions are in flight to it`);
    const id = this.#asks.nextId();
    const item = encodeAsk(id, message);
    this.#checkSize(item, message.type, lane);
    if (!this.#send(lane, item))
      throw this.#overloaded(message.type, `its ${lane} lane is full of unsent messages`);
    const dueMs = this.#options.env.clock.monotonic() + deadlineMs;
    const place = box.added;
    return new Promise((resolve, reject) => {
      const { type } = message;
      this.#asks.add(id, { lane, place, type, deadlineMs, dueMs, resolve, reject });
    });
  }

  /** Shows the peer that we live, and cuts the link if it has not shown that for too long. */
  pulse(): void {
    if (this.#hello === undefined || this.#isOver) return;
    const { limits } = this.#options;
    if (this.#silentPings >= limits.silentPings) {
      const silentMs = limits.silentPings * limits.pingMs;
      this.#end({ reason: `no sign of life for ${silentMs} ms`, isFoul: false });
      return;
    }
    for (const lane of lanes) {
      const state = this.#lanes[lane];
      state.blockedPulses = state.isBlocked ? state.blockedPulses + 1 : 0;
      if (state.blockedPulses <= limits.blockedPings) continue;
      const blockedMs = limits.blockedPings * limits.pingMs;
      this.#end({ reason: `its ${lane} lane took nothing for ${blockedMs} ms`, isFoul: false });
      return;
    }
    this.#silentPings += 1;
    if (this.#boxes?.control.isEmpty === true) this.#send('control', pingItem);
  }

  /** Says goodbye if it can, and ends the link. */
  cut(reason: string, code: 'disconnected' | 'closed' = 'disconnected'): void {
    const box = this.#boxes?.control;
    if (!this.#isOver && box !== undefined && !this.#lanes.control.isBlocked) {
      this.#flush();
      box.add(encodeGoodbye(reason));
      this.#flush();
    }
    this.#end({ reason, isFoul: false }, code);
  }

  received(lane: Lane, frame: Uint8Array): void {
    if (this.#isOver) return;
    this.#silentPings = 0;
    const seq = seqOf(frame);
    if (seq === undefined) return this.#foul('a frame too short to be one');
    const state = this.#lanes[lane];
    if (seq === 0) {
      if (!state.isGreeted) this.#takeGreeting(lane, frame);
      return;
    }
    if (!state.isGreeted) return this.#foul('a message before the greeting');
    if (this.#hello === undefined) {
      if (this.#early.length >= mostEarlyFrames) return this.#foul('no second greeting');
      this.#early.push([lane, frame]);
      return;
    }
    this.#takeFrame(lane, frame, seq);
  }

  alive(): void {
    this.#silentPings = 0;
  }

  drained(lane: Lane): void {
    const state = this.#lanes[lane];
    state.isBlocked = false;
    state.blockedPulses = 0;
    this.#flush();
  }

  broken(reason: string, isFoul = false): void {
    this.#end({ reason, isFoul });
  }

  #takeGreeting(lane: Lane, frame: Uint8Array): void {
    const greeting = this.#decode(frame)?.[0];
    if (greeting === undefined) return;
    if (greeting.kind !== 'greeting') return this.#foul('something else than a greeting');
    const fault = this.#faultOf(greeting.greeting);
    if (fault !== undefined) return this.#foul(fault);
    this.#lanes[lane].isGreeted = true;
    if (lanes.every((name) => this.#lanes[name].isGreeted)) this.#goUp(greeting.greeting);
  }

  #faultOf({ member, oldest, newest }: Greeting): string | undefined {
    if (member !== this.peer) return `a greeting in the name of ${member}`;
    if (oldest > protocols.newest || newest < protocols.oldest)
      return `it speaks protocol ${oldest} to ${newest}, this release ${protocols.oldest} to ${protocols.newest}; bring both to releases that share one`;
    return undefined;
  }

  #goUp({ member, incarnation, newest, session }: Greeting): void {
    const { frameBytes, unsentBytes } = this.#options.limits;
    const boxOf = (lane: Lane): Outbox =>
      new Outbox(session, { frameBytes: frameBytes[lane], unsentBytes: unsentBytes[lane] });
    this.#boxes = { control: boxOf('control'), bulk: boxOf('bulk') };
    this.#hello = { member, incarnation, protocol: Math.min(newest, protocols.newest) };
    this.#options.onUp(this, this.#hello);
    const early = this.#early;
    this.#early = [];
    for (const [lane, frame] of early) this.received(lane, frame);
  }

  #takeFrame(lane: Lane, frame: Uint8Array, seq: number): void {
    const state = this.#lanes[lane];
    if (!isOfSession(frame, this.#session) || seq <= state.seq) {
      const { env } = this.#options;
      env.log.debug({ peer: this.peer, lane, seq }, 'a frame of another time has no effect');
      return;
    }
    if (seq > state.seq + 1) {
      const lost = seq - state.seq - 1;
      this.#end({ reason: `${lost} frames of its ${lane} lane were lost`, isFoul: false });
      return;
    }
    state.seq = seq;
    for (const item of this.#decode(frame) ?? []) {
      if (this.#isOver) return;
      this.#takeItem(lane, item);
    }
  }

  #takeItem(lane: Lane, item: Item): void {
    switch (item.kind) {
      case 'tell':
        return this.#answers.tell(lane, item.message);
      case 'ask':
        return this.#answers.ask(lane, item.id, item.message);
      case 'answer':
        return this.#asks.take(item.id)?.resolve(item.value);
      case 'refusal':
        return this.#asks.take(item.id)?.reject(new TransportFault(item.code, item.text));
      case 'goodbye':
        return this.#end({ reason: `it said goodbye: ${item.reason}`, isFoul: false });
      case 'greeting':
        return this.#foul('a greeting among messages');
      case 'ping':
        return;
    }
  }

  #decode(frame: Uint8Array): readonly Item[] | undefined {
    try {
      return decodeItems(itemsOf(frame));
    } catch (cause) {
      this.#foul(`a frame that can't be read: ${wordsOf(cause)}`);
      return undefined;
    }
  }

  #answer(lane: Lane, item: Uint8Array): 'sent' | 'full' | 'too-large' | 'over' {
    const box = this.#boxes?.[lane];
    if (box === undefined || this.#isOver) return 'over';
    if (!box.fits(item)) return 'too-large';
    return this.#send(lane, item) ? 'sent' : 'full';
  }

  #send(lane: Lane, item: Uint8Array): boolean {
    if (this.#isOver || this.#boxes?.[lane].add(item) !== true) return false;
    if (!this.#isGathering) {
      this.#isGathering = true;
      this.#options.gather(() => {
        this.#isGathering = false;
        this.#flush();
      });
    }
    return true;
  }

  #flush(): void {
    for (const lane of lanes) {
      const state = this.#lanes[lane];
      const box = this.#boxes?.[lane];
      while (!this.#isOver && !state.isBlocked) {
        const frame = box?.take();
        if (frame === undefined) break;
        if (!this.#options.wire.send(lane, frame)) state.isBlocked = true;
      }
    }
  }

  #foul(what: string): void {
    this.#end({ reason: `it sent ${what}`, isFoul: true });
  }

  #end(end: LinkEnd, code: 'disconnected' | 'closed' = 'disconnected'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.wire.cut(end.reason);
    this.#options.onEnd(this, end);
    this.#asks.end(({ lane, place, type }) => {
      const isSent = place <= (this.#boxes?.[lane].sent ?? 0);
      if (!isSent && code !== 'closed') return this.#unreachable(type);
      return new TransportFault(
        code,
        `the link to member ${this.peer} ended (${end.reason}) before it answered ${type}; whether it acted on it is not known`,
      );
    });
  }

  #checkSize(item: Uint8Array, type: string, lane: Lane): void {
    const mostBytes = this.#options.limits.frameBytes[lane];
    if (this.#boxes?.[lane].fits(item) !== false) return;
    throw new TransportFault(
      'refused',
      `${type} has ${item.length} bytes, and the ${lane} lane takes at most ${mostBytes}; send it in parts${lane === 'control' ? ' or on the bulk lane' : ''}`,
    );
  }

  #unreachable(type: string): TransportFault {
    return new TransportFault(
      'unreachable',
      `${type} was not sent: there is no link to member ${this.peer} at the moment; ask again`,
    );
  }

  #overloaded(type: string, what: string): TransportFault {
    return new TransportFault(
      'overloaded',
      `${type} was not sent to member ${this.peer}: ${what}; ask again later`,
    );
  }
}
