// Rules for passwords and logins, as an operator has set them: how often one may guess, how long a password is good, how
// soon and into what it may change. Pure: what was done when is in the state, the time is the caller's.
import type { User } from './records.ts';
import type { IdentityState } from './state.ts';
import { lookUp } from './table.ts';

const dayMs = 86_400_000;

/** Figures of 0 and absent ones are rules that are not in force. */
export interface SecurityCompliance {
  /** Wrong passwords in a row before a user is locked. */
  readonly lockoutFailureAttempts: number;
  /** How long; 0: until an administrator lets the user try again. */
  readonly lockoutDurationMs: number;
  /** A user may not take again any of so many passwords, the one in use among them. */
  readonly uniqueLastPasswordCount: number;
  readonly passwordExpiresDays: number;
  /** How long a password that a user chose must stay. */
  readonly minimumPasswordAgeDays: number;
  /** What a password must match, and the same in words. */
  readonly passwordRegex?: string;
  readonly passwordRegexDescription?: string;
  /** A password that an administrator gave is good for nothing but choosing another. */
  readonly changePasswordUponFirstUse: boolean;
}

export const noCompliance: SecurityCompliance = {
  lockoutFailureAttempts: 0,
  lockoutDurationMs: 1_800_000,
  uniqueLastPasswordCount: 0,
  passwordExpiresDays: 0,
  minimumPasswordAgeDays: 0,
  changePasswordUponFirstUse: false,
};

/** The rules as they are; throws for a pattern that is none. */
export function checkCompliance(rules: SecurityCompliance): SecurityCompliance {
  try {
    matchesRegex('', rules);
  } catch (error) {
    throw new Error(
      `securityCompliance.passwordRegex is no regular expression: ${String(rules.passwordRegex)}. Mend it in the configuration.`,
      { cause: error },
    );
  }
  return rules;
}

/** The pattern is looked for at the beginning. */
export function matchesRegex(password: string, { passwordRegex }: SecurityCompliance): boolean {
  return passwordRegex === undefined || new RegExp(`^(?:${passwordRegex})`, 'u').test(password);
}

/** What identity remembers of a user's passwords and logins. */
export interface PasswordRecord {
  /** Newest last; at most longestHistory. */
  readonly history: readonly PasswordUse[];
  /** Wrong passwords since the last right one. */
  readonly failures: number;
  readonly lastFailureMs: number;
}

export interface PasswordUse {
  readonly hash: string;
  readonly setAtMs: number;
  /** Did the user choose it, or an administrator? */
  readonly byUser: boolean;
}

export const longestHistory = 24;
export const noPasswords: PasswordRecord = { history: [], failures: 0, lastFailureMs: 0 };

export function passwordsOf(state: IdentityState, userId: string): PasswordRecord {
  return lookUp(state.passwords, userId) ?? noPasswords;
}

type Facts = {
  readonly state: IdentityState;
  readonly rules: SecurityCompliance;
  readonly nowMs: number;
};

export function isLocked(user: User, { state, rules, nowMs }: Facts): boolean {
  const { failures, lastFailureMs } = passwordsOf(state, user.id);
  if (!countsFailures(user, rules) || failures < rules.lockoutFailureAttempts) return false;
  return rules.lockoutDurationMs === 0 || lastFailureMs + rules.lockoutDurationMs > nowMs;
}

export function countsFailures(user: User, rules: SecurityCompliance): boolean {
  return rules.lockoutFailureAttempts > 0 && user.options.ignore_lockout_failure_attempts !== true;
}

/** When the password of now ends; undefined for one that does not. */
export function passwordExpiryMs(
  user: User,
  { state, rules }: Pick<Facts, 'state' | 'rules'>,
): number | undefined {
  const current = currentUse(user, state);
  if (current === undefined || user.options.ignore_password_expiry === true) return undefined;
  const isFirst = rules.changePasswordUponFirstUse && !current.byUser;
  if (isFirst && user.options.ignore_change_password_upon_first_use !== true)
    return current.setAtMs;
  return rules.passwordExpiresDays === 0
    ? undefined
    : current.setAtMs + rules.passwordExpiresDays * dayMs;
}

/** Days until the user may change the password again; undefined: now. */
export function daysUntilChange(user: User, { state, rules, nowMs }: Facts): number | undefined {
  const current = currentUse(user, state);
  if (current?.byUser !== true) return undefined;
  const leftMs = current.setAtMs + rules.minimumPasswordAgeDays * dayMs - nowMs;
  return leftMs > 0 ? Math.floor(leftMs / dayMs) : undefined;
}

/** Hashes of the passwords that may not come again. */
export function forbiddenHashes(
  user: User,
  { state, rules }: Pick<Facts, 'state' | 'rules'>,
): readonly string[] {
  const count = rules.uniqueLastPasswordCount;
  if (count === 0) return [];
  const known = passwordsOf(state, user.id).history.map(({ hash }) => hash);
  return [...new Set([...known, user.passwordHash ?? ''])]
    .filter((hash) => hash !== '')
    .slice(-count);
}

function currentUse(user: User, state: IdentityState): PasswordUse | undefined {
  return passwordsOf(state, user.id).history.findLast(({ hash }) => hash === user.passwordHash);
}
