// Tokens that let someone at a server's console: durable, for ten minutes, known by their hash alone. One entity per
// first byte of the hash, so that a token is found without a look at all of them, and each keeps only what still holds.
import { Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';
import type { Static } from 'typebox';

const text = Type.String();

/** What a token is for: this guest, under this grant; after a move or a delete it opens nothing. */
const authorization = Type.Object({
  /** SHA-256 of the token, in hexadecimal. */
  hash: text,
  serverId: text,
  /** `vnc`, `serial`. */
  protocol: text,
  /** `novnc`, `serial`. */
  consoleType: text,
  host: text,
  runEpoch: Type.Integer({ minimum: 1 }),
});

export const consoleCommands = {
  'console.authorize': command(
    1,
    Type.Object({ authorization, lifetimeMs: Type.Integer({ minimum: 1 }) }),
    Type.Object({}),
  ),
} as const;

export const consoleEvents = {
  'console.authorized': event(
    1,
    Type.Object({ authorization, expiresAtMs: Type.Number(), atMs: Type.Number() }),
  ),
} as const;

export type ConsoleCommand = CommandOf<typeof consoleCommands>;
export type ConsoleEvent = EventOf<typeof consoleEvents>;
export const consoleTokens = entityKind('console-tokens', consoleCommands);

export interface ConsoleAuthorization extends Readonly<Static<typeof authorization>> {
  readonly expiresAtMs: number;
}

export interface ConsoleTokensState {
  /** Two hexadecimal digits. */
  readonly id: string;
  /** Oldest first; bounded by MAX_TOKENS. */
  readonly authorizations: readonly ConsoleAuthorization[];
}

/** Of one entity: beyond this the oldest token stops working. */
export const MAX_TOKENS = 1_024;

/** Which entity knows a token. */
export function bucketOf(hash: string): string {
  return hash.slice(0, 2);
}
