// Knows a command that arrives a second time, where its own ids can't tell: a user's second create of the same name is
// a conflict, a redelivered one is not. Kept as the request id with what was done; the last MAX_RECEIPTS are enough,
// because repeats follow soon.

const MAX_RECEIPTS = 128;

/** What the request did, in one line. */
export function receiptOf(event: {
  readonly type: string;
  readonly requestId: string;
  readonly flavorId?: string;
  readonly name?: string;
  readonly key?: string;
  readonly projectId?: string;
}): string {
  const subject = [event.flavorId, event.name, event.key, event.projectId];
  return JSON.stringify([
    event.requestId,
    event.type,
    ...subject.filter((part) => part !== undefined),
  ]);
}

export function withReceipt(receipts: readonly string[], receipt: string): readonly string[] {
  return [...receipts.slice(1 - MAX_RECEIPTS), receipt];
}
