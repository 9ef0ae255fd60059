// Is the password right? Counts wrong ones where a user gets locked by them. Someone who is locked hears what everyone
// hears whose password is wrong, so that guessing tells nothing.
import type { FastifyRequest } from 'fastify';
import {
  countsFailures,
  isLocked,
  passwordExpiryMs,
  passwordsOf,
} from '#actors/services/identity/compliance.ts';
import type { User } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { Problem, unauthorized } from '../problem.ts';
import { type IdentityApi, stateOf, write } from '../service.ts';
import { findUser, namedUser } from './lookups.ts';
import type { Claim, Proof } from './proof.ts';

export async function provePassword({ api, request, data }: Claim): Promise<Proof> {
  const named = namedUser('password', data);
  const password = typeof named.password === 'string' ? named.password : '';
  const user = await proveRight(api, request, findUser(stateOf(api), named), password);
  if (!user.enabled) throw unauthorized();
  const endMs = passwordExpiryMs(user, { state: stateOf(api), rules: api.compliance });
  if (endMs !== undefined && endMs <= api.context.env.clock.now())
    throw new Problem(401, `The password is expired and needs to be changed for user: ${user.id}.`);
  return { user, methods: ['password'] };
}

/** The user as of after the check; throws 401 for a wrong password, a locked user, and no user at all. */
export async function proveRight(
  api: IdentityApi,
  request: FastifyRequest,
  known: User | undefined,
  password: string,
): Promise<User> {
  const isRight = await api.passwords.verify(password, known?.passwordHash);
  const user = known === undefined ? undefined : lookUp(stateOf(api).users, known.id);
  if (user === undefined || user.passwordHash !== known?.passwordHash) throw unauthorized();
  const { compliance: rules } = api;
  const facts = { state: stateOf(api), rules, nowMs: api.context.env.clock.now() };
  if (isLocked(user, facts)) throw unauthorized();
  const { failures } = passwordsOf(facts.state, user.id);
  const restarts = failures >= rules.lockoutFailureAttempts;
  if (countsFailures(user, rules) && (!isRight || failures > 0))
    await write(api, request, { type: 'identity.note-login', userId: user.id, isRight, restarts });
  if (!isRight) throw unauthorized();
  return user;
}
