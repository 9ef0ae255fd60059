// A controller's side of joining: makes tokens, and admits strangers who bring one. The order is: may this name be used,
// is the secret good (which uses it up), admit, tell what the role needs. A newcomer whose answer was lost is a member by
// then and asks again; it hears the same.
import type { Env } from '#runtime/env/env.ts';
import type { ClusterStore, MemberRecord, MemberRole } from '#runtime/membership/store.ts';
import type { Received } from '#runtime/transport/port.ts';
import { type JoinQuestion, joinQuestionOf, type JoinReply } from './join-messages.ts';
import { encodeToken, hashOfSecret, TOKEN_LIFETIME_MS, TOKEN_SECRET_BYTES } from './join-token.ts';
import type { KnownController } from './member-file.ts';

export interface JoinDeskOptions {
  readonly env: Env;
  readonly store: ClusterStore;
  /** The cloud's id. */
  readonly cluster: string;
  /** Base64. */
  readonly networkKey: string;
  /** Of the Redis that carries messages, if one does. Throws in words if a member of that role may not be told. */
  readonly transportFor: (role: MemberRole) => string | undefined;
  /** Controllers that live now, this one among them. */
  readonly controllers: () => readonly KnownController[];
  /** What controllers share. */
  readonly shared: NonNullable<JoinReply['shared']>;
  /** The table has changed: look at it now. */
  readonly refresh: () => Promise<void>;
}

const MOST_UNDER_WAY = 16;
const MOST_IN_TOKEN = 5;
const MOST_NAMES = 1_000;

const reasons = {
  unknown: 'the store does not know this token: it is of another cluster, or was made up',
  expired: `this token has expired: they are good for ${TOKEN_LIFETIME_MS / 60_000} minutes`,
  used: 'this token was used already: each is good for one member',
} as const;
const MEND = 'make a new one: ./kilonova token create';

export class JoinDesk {
  readonly #options: JoinDeskOptions;
  #underWay = 0;

  constructor(options: JoinDeskOptions) {
    this.#options = options;
  }

  async createToken(
    role: MemberRole,
  ): Promise<{ readonly token: string; readonly role: MemberRole; readonly expiresAtMs: number }> {
    const { env, store, networkKey, transportFor, controllers } = this.#options;
    const transport = transportFor(role);
    const secret = Buffer.from(env.random.bytes(TOKEN_SECRET_BYTES)).toString('base64url');
    const expiresAtMs = env.clock.now() + TOKEN_LIFETIME_MS;
    await store.saveToken({ hash: hashOfSecret(secret), role, expiresAtMs });
    const token = encodeToken({
      version: 1,
      role,
      secret,
      networkKey,
      controllers: controllers()
        .slice(0, MOST_IN_TOKEN)
        .map(({ id, addresses }) => ({ id, addresses: [...addresses] })),
      ...(transport === undefined ? {} : { transport }),
      expiresAtMs,
    });
    return { token, role, expiresAtMs };
  }

  /** For `transport.onStranger`. What it throws is for the newcomer to read. */
  async answer(message: Received): Promise<JoinReply> {
    if (this.#underWay >= MOST_UNDER_WAY) throw new Error('too many are joining now; try again');
    this.#underWay += 1;
    try {
      return await this.#admit(message);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #admit(message: Received): Promise<JoinReply> {
    const question = joinQuestionOf(message);
    const { env, store, refresh } = this.#options;
    const { members } = await store.table();
    const known = members.find(({ id }) => id === message.from);
    if (known?.isRevoked === true)
      throw new Error('the key of this member was revoked: remove identity.key and join anew');
    if (known !== undefined) return this.#replyFor(known);
    const name = nameFor(question, members);
    const used = await store.useToken(hashOfSecret(question.secret), env.clock.now());
    if (!used.ok) throw new Error(`${reasons[used.reason]}; ${MEND}`);
    if (used.role !== question.role)
      throw new Error(
        `this token is for a ${used.role} member, not for a ${question.role} member; ${MEND} --role ${question.role}`,
      );
    const record = {
      id: message.from,
      role: used.role,
      name,
      addresses: question.role === 'controller' ? question.addresses : [],
      apiUrl: undefined,
      admittedAtMs: env.clock.now(),
    };
    await store.admit(record);
    env.log.info({ member: record.id, name, role: record.role }, 'a new member was admitted');
    await refresh();
    return this.#replyFor(record);
  }

  #replyFor({ role, name }: Pick<MemberRecord, 'role' | 'name'>): JoinReply {
    const { cluster, controllers, shared } = this.#options;
    return {
      name,
      cluster,
      role,
      controllers: controllers().map(({ id, addresses }) => ({ id, addresses: [...addresses] })),
      ...(role === 'controller' ? { shared } : {}),
    };
  }
}

/** Throws in words if the name is another member's; two keys can't speak for one host. */
function nameFor(question: JoinQuestion, members: readonly MemberRecord[]): string {
  const taken = new Set(members.filter(({ isRevoked }) => !isRevoked).map(({ name }) => name));
  const { name, mayRename } = question;
  if (!taken.has(name)) return name;
  if (!mayRename)
    throw new Error(
      `another member has the name ${name}: choose one with --name, or let that one go first (./kilonova member revoke ${name})`,
    );
  for (let number = 2; number < MOST_NAMES; number += 1)
    if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
  throw new Error(`all names like ${name} are taken: choose one with --name`);
}
