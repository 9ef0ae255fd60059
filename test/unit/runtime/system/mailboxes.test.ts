// How leaves are spread over nact's tree: few siblings each, and places used again.
import { expect, it } from 'vitest';

import { createMailboxes, type Mailbox, type Mailboxes } from '#runtime/system/mailboxes.ts';

const receiver = { receive: () => undefined, discard: () => undefined };

function openMany(mailboxes: Mailboxes, count: number): Mailbox[] {
  return Array.from({ length: count }, () => mailboxes.open(receiver));
}

/** Numbers of open mailboxes under one parent, the largest first. */
function crowds(open: readonly Mailbox[]): number[] {
  const byParent = Map.groupBy(open, (mailbox) => mailbox.parent);
  return [...byParent.values()].map((siblings) => siblings.length).sort((a, b) => b - a);
}

it('no parent has more than 64 open mailboxes', () => {
  expect(crowds(openMany(createMailboxes('test'), 200))).toEqual([64, 64, 64, 8]);
});

it('the places of closed mailboxes are used again before new parents are made', () => {
  const mailboxes = createMailboxes('test');
  let open = openMany(mailboxes, 192);
  const parents = new Set(open.map((mailbox) => mailbox.parent));
  for (let round = 0; round < 5; round += 1) {
    for (const mailbox of open.splice(round * 10, 100)) mailboxes.close(mailbox);
    open = [...open, ...openMany(mailboxes, 100)];
    expect(crowds(open)).toEqual([64, 64, 64]);
    expect(open.every((mailbox) => parents.has(mailbox.parent))).toBe(true);
  }
});
