// POST /users/{id}/password: a user changes the own password, with the old one and no token; and what a password must be
// to be taken. A password that has ended is still good for this.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  daysUntilChange,
  forbiddenHashes,
  matchesRegex,
} from '#actors/services/identity/compliance.ts';
import type { User } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { checkBody } from './body-check.ts';
import { textOf } from './collection.ts';
import { invalid, Problem, unauthorized } from './problem.ts';
import { proveRight } from './proofs/password.ts';
import { passwordChange } from './schemas.ts';
import { type IdentityApi, memberBody, param, stateOf, write } from './service.ts';

/** Characters. */
const longestPassword = 4096;

export function ownPasswordRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.post('/users/:id/password', async (request, reply) => {
    await changePassword(api, request);
    return reply.code(204).send();
  });
}

/** An unknown user is answered like a wrong password. */
async function changePassword(api: IdentityApi, request: FastifyRequest): Promise<void> {
  const body = memberBody(request, 'user');
  checkBody(passwordChange, body);
  const known = lookUp(stateOf(api).users, param(request, 'id'));
  const user = await proveRight(api, request, known, textOf(body, 'original_password') ?? '');
  if (!user.enabled) throw unauthorized();
  if (user.options.lock_password === true)
    throw invalid(
      'You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.',
    );
  const password = textOf(body, 'password') ?? '';
  refuseTooSoon(api, user);
  await refuseOld(api, user, password);
  const passwordHash = await hashPassword(api, password);
  await write(api, request, { type: 'identity.change-own-password', id: user.id, passwordHash });
}

function refuseTooSoon(api: IdentityApi, user: User): void {
  const { compliance: rules } = api;
  const nowMs = api.context.env.clock.now();
  const daysLeft = daysUntilChange(user, { state: stateOf(api), rules, nowMs });
  if (daysLeft !== undefined)
    throw invalid(
      `You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for ${rules.minimumPasswordAgeDays} day(s) before it can be changed. Please try again in ${daysLeft} day(s) or contact your administrator to reset your password.`,
    );
}

async function refuseOld(api: IdentityApi, user: User, password: string): Promise<void> {
  const { compliance: rules } = api;
  for (const hash of forbiddenHashes(user, { state: stateOf(api), rules }))
    if (await api.passwords.verify(password, hash))
      throw invalid(
        `The new password cannot be identical to a previous password. The total number which includes the new password must be unique is ${rules.uniqueLastPasswordCount}.`,
      );
}

/** Of a password that may be taken; throws in Keystone's words for any other. */
export async function hashPassword(api: IdentityApi, password: string): Promise<string> {
  const { passwordRegex, passwordRegexDescription } = api.compliance;
  if (!matchesRegex(password, api.compliance))
    throw invalid(
      `The password does not match the requirements: ${passwordRegexDescription ?? passwordRegex}.`,
    );
  return hashSecret(api, password);
}

/** Of any secret: those of application credentials are no passwords. */
export async function hashSecret(api: IdentityApi, secret: string): Promise<string> {
  if (secret.length > longestPassword)
    throw new Problem(
      403,
      `The password length must be less than or equal to ${longestPassword}. The server could not comply with the request because the password is invalid.`,
    );
  return api.passwords.hash(secret);
}
