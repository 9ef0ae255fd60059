import { expect, it } from 'vitest';
import { installNeeds, isThere, missingNeeds } from '#cli/debian.ts';

it('a program is found by name, a file by its path', () => {
  expect([isThere('sh'), isThere('/proc/self/stat')]).toEqual([true, true]);
  expect([isThere('no-such-program'), isThere('/no/such/file')]).toEqual([false, false]);
});

it('tests need what hosts need, and more', () => {
  const host = new Set(missingNeeds({ tests: false }).map((need) => need.proof));
  const tests = new Set(missingNeeds({ tests: true }).map((need) => need.proof));
  expect([...host].filter((proof) => !tests.has(proof))).toEqual([]);
});

it('nothing missing installs nothing and says nothing', async () => {
  const said: string[] = [];
  await installNeeds([], (line) => said.push(line));
  expect(said).toEqual([]);
});
