// Ids as Keystone writes them: a version 4 UUID without dashes.
import type { Random } from '#runtime/env/env.ts';

export function randomHexId(random: Random): string {
  return random.uuid().replaceAll('-', '');
}
