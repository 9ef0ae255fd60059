// Parts of an order that go on at the same time. None may outlive its order: the next one would meet it.

/** Results in their order, when all have ended; throws the fault of the first part that has one. */
export async function allParts<T>(parts: readonly Promise<T>[]): Promise<readonly T[]> {
  const ended = await Promise.allSettled(parts);
  return ended.map((part) => {
    if (part.status === 'rejected') throw part.reason;
    return part.value;
  });
}
