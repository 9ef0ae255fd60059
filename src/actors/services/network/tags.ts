// How tags change. Pure. They are kept sorted and without repeats.

export function changedTags(
  tags: readonly string[],
  change: { readonly how: 'set' | 'add' | 'remove'; readonly tags: readonly string[] },
): string[] {
  if (change.how === 'remove') return tags.filter((tag) => !change.tags.includes(tag));
  const kept = change.how === 'add' ? tags : [];
  return [...new Set([...kept, ...change.tags])].sort();
}
