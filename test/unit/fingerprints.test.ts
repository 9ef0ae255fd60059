// What travels and what journals hold, against test/protocol/fingerprints.golden.txt. A shape may only change together
// with its version; the failures say what to do.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { entities } from '#test/support/docs/entities.ts';
import {
  type Fingerprint,
  fingerprintsOf,
  keyOf,
  parseFingerprints,
  renderFingerprints,
} from '#test/support/docs/fingerprints.ts';

const root = resolve(import.meta.dirname, '../..');
const goldenPath = join(root, 'test/protocol/fingerprints.golden.txt');
const golden = parseFingerprints(readFileSync(goldenPath, 'utf8'));
const now = fingerprintsOf(entities);
const find = (list: readonly Fingerprint[], one: Fingerprint): Fingerprint | undefined =>
  list.find((other) => keyOf(other) === keyOf(one));

const unreleased =
  'If no release has had it, delete its line in test/protocol/fingerprints.golden.txt';

const changes = now
  .filter((one) => {
    const before = find(golden, one);
    return before !== undefined && before.digest !== one.digest && before.version >= one.version;
  })
  .map(wordsOfChange);
const losses = golden.filter((one) => find(now, one) === undefined).map(wordsOfLoss);

it('a changed shape has a new version', () => {
  expect(changes).toEqual([]);
});

it('a type that was released stays readable', () => {
  expect(losses).toEqual([]);
});

it('the fingerprints are those of the golden file; new types and versions join it by -u', async () => {
  // First, so that -u can't write over what must not be.
  expect([...changes, ...losses]).toEqual([]);
  await expect(renderFingerprints(now)).toMatchFileSnapshot(goldenPath);
});

function wordsOfChange({ sort, type, version }: Fingerprint): string {
  const next = version + 1;
  const [why, how] =
    sort === 'event'
      ? [
          'which journals hold',
          `version ${next} and an upcaster from ${version}: event(${next}, …, { ${version}: (data) => … })`,
        ]
      : ['which other members may send', `version ${next}`];
  return (
    `The shape of ${sort} ${type} changed, but its version is still ${version}, ${why}. Give it ${how}, then run: ` +
    `npx vitest run test/unit/fingerprints.test.ts -u. ${unreleased} instead, and run the same.`
  );
}

function wordsOfLoss(one: Fingerprint): string {
  const keep =
    one.sort === 'event'
      ? 'journals hold it: keep it in the catalogue, and let evolve understand it'
      : 'other members may send it: keep it until none does';
  return `${keyOf(one)} is gone, but ${keep}. ${unreleased}.`;
}

it('every earlier version of an event has an upcaster', () => {
  const missing = entities.flatMap(({ definition }) =>
    Object.entries(definition.events).flatMap(([type, { version, upcasters }]) =>
      Array.from({ length: version - 1 }, (_, index) => index + 1)
        .filter((from) => upcasters[from] === undefined)
        .map((from) => `${type} has no upcaster from version ${from} to ${from + 1}`),
    ),
  );
  expect(missing).toEqual([]);
});

it('a type is named after one kind only, and in one catalogue', () => {
  const keys = now.map(keyOf);
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
});

it('every entity kind of the code is among them', () => {
  const lines = execFileSync('git', ['grep', '-hoE', "entityKind\\('[a-z-]+'", '--', 'src'], {
    cwd: root,
    encoding: 'utf8',
  });
  const kinds = new Set([...lines.matchAll(/'([a-z-]+)'/g)].map((match) => match[1]));
  expect(kinds).toEqual(new Set(entities.map(({ definition }) => definition.kind)));
});
