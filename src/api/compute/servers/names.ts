// Names that a create request implies: hostnames, the names of several servers, reservation ids, passwords.
// Pure: chance is handed in.

/** As long as a DNS label may be. */
const MAX_HOSTNAME = 63;

/** A display name as a hostname; empty when nothing of it is left. */
export function hostnameFrom(displayName: string): string {
  return Array.from(displayName)
    .filter((character) => character <= '\u00ff')
    .join('')
    .slice(0, MAX_HOSTNAME)
    .replaceAll(/[ _.]/g, '-')
    .replaceAll(/[^A-Za-z0-9_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff.-]+/g, '')
    .toLowerCase()
    .replaceAll(/^[.-]+|[.-]+$/g, '');
}

export interface ServerNames {
  readonly name: string;
  readonly hostname: string;
}

/** Of one server out of `count`: several get `-1`, `-2`, … */
export function serverNames(
  asked: { readonly name: string; readonly hostname: string | undefined },
  server: { readonly id: string; readonly index: number; readonly count: number },
): ServerNames {
  const suffix = server.count > 1 ? `-${server.index + 1}` : '';
  const derived = hostnameFrom(asked.name);
  const hostname =
    asked.hostname ??
    (derived === ''
      ? `Server-${server.id}`
      : `${derived.slice(0, MAX_HOSTNAME - suffix.length)}${suffix}`);
  return { name: `${asked.name}${suffix}`, hostname };
}

const RESERVATION_CHARACTERS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** `r-` and eight characters. */
export function reservationId(bytes: Uint8Array): string {
  return `r-${Array.from(bytes.subarray(0, 8), (byte) => RESERVATION_CHARACTERS[byte % 36]).join('')}`;
}

/** Without letters and digits that look alike. */
const passwordGroups = ['23456789', 'ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnopqrstuvwxyz'];
const PASSWORD_LENGTH = 12;
/** Random bytes that a password takes. */
export const PASSWORD_BYTES = 4 * PASSWORD_LENGTH;

/** Twelve characters, at least one of each group, in an order by chance. */
export function passwordFrom(bytes: Uint8Array): string {
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = passwordGroups.join('');
  const characters = Array.from({ length: PASSWORD_LENGTH }, (_, index) => {
    const group = passwordGroups[index] ?? all;
    return group[numbers.getUint16(4 * index) % group.length] ?? '';
  });
  for (let index = PASSWORD_LENGTH - 1; index > 0; index -= 1) {
    const other = numbers.getUint16(4 * index + 2) % (index + 1);
    [characters[index], characters[other]] = [characters[other] ?? '', characters[index] ?? ''];
  }
  return characters.join('');
}
