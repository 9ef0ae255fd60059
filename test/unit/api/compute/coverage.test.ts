// The route table against the list of everything that Nova has.
import { expect, test } from 'vitest';
import { missingOperations, ownOperations } from '#test/support/docs/api-document.ts';
import { novaOperations } from '#test/support/docs/nova-operations.ts';

/** Ours alone. */
const additions: readonly string[] = ['GET /openapi.json'];

test('every call that is answered is one of Nova’s, with the same life', () => {
  const nova = new Map(novaOperations.map((operation) => [operation.name, operation]));
  const wrong = ownOperations().filter(
    (own) =>
      !additions.includes(own.name) && JSON.stringify(nova.get(own.name)) !== JSON.stringify(own),
  );
  expect(wrong).toEqual([]);
});

test('nothing that Nova has is missing', () => {
  expect(missingOperations()).toEqual([]);
});

test('Nova’s list is whole', () => {
  const gone = novaOperations.filter(({ isGone }) => isGone);
  const newest = novaOperations.filter(({ isGone, until }) => !isGone && until >= 104);
  expect([novaOperations.length, gone.length, newest.length]).toEqual([265, 54, 137]);
});
