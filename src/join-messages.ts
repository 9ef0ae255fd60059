// What a newcomer asks and what it is answered, checked on arrival at both ends.
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Message, Received } from '#runtime/transport/port.ts';

export const JOIN = 'cluster.join';
const VERSION = 1;

const text = Type.String({ maxLength: 4_096 });
const role = Type.Union([Type.Literal('controller'), Type.Literal('compute')]);

const question = Type.Object({
  secret: text,
  role,
  name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' }),
  /** Another name will do if this one is taken. */
  mayRename: Type.Boolean(),
  addresses: Type.Array(text, { maxItems: 20 }),
});

const controllers = Type.Array(Type.Object({ id: text, addresses: Type.Array(text) }));

const answer = Type.Object({
  name: text,
  cluster: text,
  role,
  controllers,
  /** For controllers only: what they share. Compute members are never told. */
  shared: Type.Optional(
    Type.Object({
      secrets: Type.Object({
        adminPassword: text,
        userPassword: text,
        tokenKeys: Type.Array(Type.Object({ id: text, secret: text })),
      }),
      /** Settings in which all controllers are to agree; a newer one may have more. */
      settings: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
});

export type JoinQuestion = Static<typeof question>;
export type JoinReply = Static<typeof answer>;

export function joinMessage(body: JoinQuestion): Message {
  return { type: JOIN, version: VERSION, body };
}

/** Throws in words. */
export function joinQuestionOf(message: Received): JoinQuestion {
  if (message.type !== JOIN) throw new Error(`strangers may ask to join, and not ${message.type}`);
  if (message.version !== VERSION)
    throw new Error(
      `this cluster is of another release (join question ${message.version}, known here: ${VERSION})`,
    );
  return checked(question, message.body, 'the question');
}

export function joinReplyOf(value: unknown): JoinReply {
  return checked(answer, value, 'the answer');
}

function checked<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  throw new Error(
    `${what} is not of its shape: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
  );
}
