// MAC addresses for new ports: Neutron's prefix and three bytes by chance.
import type { Random } from '#runtime/env/env.ts';

/** Several, so that one that is taken costs no second try: with 4 000 ports in a network 1 in 4 000 is. */
const CANDIDATES = 4;
const PREFIX = 'fa:16:3e';

export function randomMacs(random: Random): string[] {
  const bytes = random.bytes(3 * CANDIDATES);
  return Array.from({ length: CANDIDATES }, (_, index) => {
    const own = bytes.subarray(3 * index, 3 * index + 3);
    return [PREFIX, ...Array.from(own, (byte) => byte.toString(16).padStart(2, '0'))].join(':');
  });
}
