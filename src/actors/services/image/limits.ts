// How much an image may carry. The numbers are Glance's defaults. Pure.
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

export const imageLimits = { properties: 128, tags: 128, members: 128 } as const;

/** The refusal for too many properties or tags, or undefined. */
export function overLimit(
  properties: Readonly<Record<string, string>>,
  tags: readonly string[],
): Refusal | undefined {
  return over('properties', Object.keys(properties).length) ?? over('tags', tags.length);
}

export function over(what: keyof typeof imageLimits, attempted: number): Refusal | undefined {
  const maximum = imageLimits[what];
  return attempted > maximum ? refuse('image-limit', { what, attempted, maximum }) : undefined;
}
