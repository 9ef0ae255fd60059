// What stands in frames: greetings, tells, asks, their answers, signs of life, a goodbye. Items are short arrays that
// begin with their kind; `readItem` takes nothing for granted, since a peer may send anything.
import type { MemberId } from '../membership/store.ts';
import { decodeValues, encodeValue } from './codec.ts';
import type { Message } from './port.ts';

/** Versions of this protocol that this release speaks. The agreed one is the highest that both do. */
export const protocols = { oldest: 1, newest: 1 } as const;

const kinds = { tell: 0, ask: 1, answer: 2, refusal: 3, ping: 4, greeting: 5, goodbye: 6 } as const;

export interface Greeting {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly oldest: number;
  readonly newest: number;
  /** What the frames to the greeting side have to carry. */
  readonly session: Uint8Array;
}

export type RefusalCode = 'refused' | 'overloaded';

export type Item =
  | { readonly kind: 'tell'; readonly message: Message }
  | { readonly kind: 'ask'; readonly id: number; readonly message: Message }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'refusal';
      readonly id: number;
      readonly code: RefusalCode;
      readonly text: string;
    }
  | { readonly kind: 'ping' }
  | { readonly kind: 'greeting'; readonly greeting: Greeting }
  | { readonly kind: 'goodbye'; readonly reason: string };

export const pingItem = encodeValue([kinds.ping]);

export function encodeTell({ type, version, body, requestId }: Message): Uint8Array {
  return encodeValue(
    requestId === undefined
      ? [kinds.tell, type, version, body]
      : [kinds.tell, type, version, body, requestId],
  );
}

export function encodeAsk(id: number, { type, version, body, requestId }: Message): Uint8Array {
  return encodeValue(
    requestId === undefined
      ? [kinds.ask, id, type, version, body]
      : [kinds.ask, id, type, version, body, requestId],
  );
}

export function encodeAnswer(id: number, value: unknown): Uint8Array {
  return encodeValue([kinds.answer, id, value]);
}

export function encodeRefusal(id: number, code: RefusalCode, text: string): Uint8Array {
  return encodeValue([kinds.refusal, id, code, text]);
}

export function encodeGreeting(greeting: Greeting): Uint8Array {
  const { member, incarnation, oldest, newest, session } = greeting;
  return encodeValue([kinds.greeting, member, incarnation, oldest, newest, session]);
}

export function encodeGoodbye(reason: string): Uint8Array {
  return encodeValue([kinds.goodbye, reason]);
}

/** Throws on anything that is no row of items. */
export function decodeItems(bytes: Uint8Array): readonly Item[] {
  return decodeValues(bytes).map(readItem);
}

function readItem(value: unknown): Item {
  if (!Array.isArray(value)) throw new Error('an item is no array');
  const [kind, first, second, third, fourth, fifth] = value as readonly unknown[];
  switch (kind) {
    case kinds.tell:
      return { kind: 'tell', message: readMessage(first, second, third, fourth) };
    case kinds.ask:
      return { kind: 'ask', id: whole(first), message: readMessage(second, third, fourth, fifth) };
    case kinds.answer:
      return { kind: 'answer', id: whole(first), value: second };
    case kinds.refusal:
      return {
        kind: 'refusal',
        id: whole(first),
        code: second === 'overloaded' ? 'overloaded' : 'refused',
        text: text(third),
      };
    case kinds.ping:
      return { kind: 'ping' };
    case kinds.greeting:
      return {
        kind: 'greeting',
        greeting: {
          member: text(first),
          incarnation: whole(second),
          oldest: whole(third),
          newest: whole(fourth),
          session: sessionOf(fifth),
        },
      };
    case kinds.goodbye:
      return { kind: 'goodbye', reason: text(first) };
    default:
      throw new Error('an item of unknown kind');
  }
}

function readMessage(type: unknown, version: unknown, body: unknown, requestId: unknown): Message {
  const message = { type: text(type), version: whole(version), body };
  return requestId === undefined ? message : { ...message, requestId: text(requestId) };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('an item without its text');
  return value;
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new Error('an item without its number');
  return value as number;
}

function sessionOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== 8)
    throw new Error('a greeting without its session');
  return value;
}
