// Passwords: right ones are right, wrong ones are wrong, and nobody can pile up work without bound.
import { describe, expect, it } from 'vitest';
import { passwordHasher, PasswordQueueFull } from '#actors/services/identity/passwords.ts';
import { seededRandom } from '#test/support/seeded-random.ts';

const hasher = (seed = 1) => passwordHasher(seededRandom(seed), { cost: 16 });

describe('a password', () => {
  it('is verified from its stored form by any process', async () => {
    const stored = await hasher().hash('sécret');
    expect(stored).toMatch(/^scrypt\$16\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
    const other = hasher(2);
    expect(await other.verify('sécret', stored)).toBe(true);
    expect(await other.verify('sécret', stored)).toBe(true);
    expect(await other.verify('secret', stored)).toBe(false);
    expect(await other.verify('', stored)).toBe(false);
  });

  it('is the same however its accents are composed', async () => {
    const stored = await hasher().hash('e\u0301');
    expect(await hasher(2).verify('\u00e9', stored)).toBe(true);
  });

  it('has another stored form each time', async () => {
    const one = hasher();
    expect(await one.hash('x')).not.toBe(await one.hash('x'));
  });

  it('is wrong for a user without one, and for a form that nobody made', async () => {
    const one = hasher();
    expect(await one.verify('x', undefined)).toBe(false);
    expect(await one.verify('x', 'plain:x')).toBe(false);
  });

  it('remembered as right is still wrong for another hash', async () => {
    const one = hasher();
    await one.hash('x');
    const changed = await hasher(2).hash('y');
    expect(await one.verify('x', changed)).toBe(false);
  });

  it('is turned away when 258 are being checked already, and taken again later', async () => {
    const one = hasher();
    const stored = await hasher(2).hash('x');
    const crowd = Array.from({ length: 259 }, (_, at) => one.verify(`no ${at}`, stored));
    const outcomes = await Promise.allSettled(crowd);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toEqual([
      { status: 'rejected', reason: expect.any(PasswordQueueFull) as unknown },
    ]);
    expect(await one.verify('x', stored)).toBe(true);
  });
});
