// String formats of Nova's request schemas. Each says whether a value has the format, or why not in words of its own.
// Pure. Sources: nova.api.validation (facts), RFC 4122, RFC 4648, ISO 8601.
import { isIPv4, isIPv6 } from 'node:net';
import { compileExpression } from './expression.ts';

/** True, false, or a sentence that replaces the whole message. */
export type FormatCheck = (value: string) => boolean | { readonly instead: string };

const invalidName = (reason: string): { readonly instead: string } => ({
  instead: `An invalid 'name' value was provided. The name must be: ${reason}`,
});

/** Other (control, unassigned, …) characters and line or paragraph separators can't be shown. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u;
const edgeSpace = /^\p{Zs}|\p{Zs}$/u;
const onlySpace = /^\p{Zs}*$/u;

export const formatChecks: Readonly<Record<string, FormatCheck>> = {
  uuid: isUuidLike,
  ipv4: (value) => isIPv4(value),
  ipv6: (value) => isIPv6(value) && !value.includes('%'),
  cidr: isCidr,
  base64: isBase64,
  regex: (value) => value !== '' && compileExpression(value) !== undefined,
  'date-time': (value) => parseIsoTime(value) !== undefined,
  uri: (value) => /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s/?#]+[^\s]*$/.test(value),
  name: (value) =>
    (!unprintable.test(value) && !edgeSpace.test(value)) ||
    invalidName('printable characters. Can not start or end with whitespace.'),
  name_with_leading_trailing_spaces: (value) =>
    (!unprintable.test(value) && !onlySpace.test(value)) ||
    invalidName('printable characters with at least one non space character'),
  az_name: (value) =>
    (!unprintable.test(value) && !edgeSpace.test(value) && !value.includes(':')) ||
    invalidName('printable characters except :.Can not start or end with whitespace.'),
  az_name_with_leading_trailing_spaces: (value) =>
    (!unprintable.test(value) && !onlySpace.test(value) && !value.includes(':')) ||
    invalidName('printable characters except :, with at least one non space character'),
  keypair_name_20: keypairName('_- '),
  keypair_name_292: keypairName('@._- '),
};

function keypairName(special: string): FormatCheck {
  const safe = `${special}0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`;
  return (value) =>
    Array.from(value).every((character) => safe.includes(character)) ||
    invalidName(`Only expected characters: [${safe}]`);
}

/** With or without dashes, braces or `urn:uuid:`, in any case. */
export function isUuidLike(value: string): boolean {
  const bare = value
    .replace('urn:', '')
    .replace('uuid:', '')
    .replace(/^[{}]+|[{}]+$/g, '')
    .replaceAll('-', '');
  return /^[0-9a-f]{32}$/i.test(bare);
}

function isCidr(value: string): boolean {
  const [address = '', length = '', ...rest] = value.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  if (isIPv4(address)) return Number(length) <= 32;
  return isIPv6(address) && !address.includes('%') && Number(length) <= 128;
}

/** As lenient as Python's decoder: strange characters are skipped, what is left must be whole. */
export function isBase64(value: string): boolean {
  let inQuad = 0;
  let pads = 0;
  for (const character of value) {
    if (character === '=') {
      if (inQuad < 2) continue;
      pads += 1;
      if (inQuad + pads >= 4) return true;
    } else if (/[A-Za-z0-9+/]/.test(character)) {
      inQuad = (inQuad + 1) % 4;
      pads = 0;
    }
  }
  return inQuad === 0;
}

const isoTime =
  /^(\d{4})(?:-?(\d{1,2})(?:-?(\d{1,2})(?:[ T](\d{1,2})(?::?(\d{1,2})(?::?(\d{1,2})(?:[.,](\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?$/;

/** Milliseconds since 1970, or undefined; UTC unless the text says otherwise. */
export function parseIsoTime(text: string): number | undefined {
  const parts = isoTime.exec(text);
  if (parts === null) return undefined;
  const number = (index: number, otherwise: number): number =>
    parts[index] === undefined ? otherwise : Number(parts[index]);
  const [year, month, day] = [number(1, 0), number(2, 1), number(3, 1)];
  const [hour, minute, second] = [number(4, 0), number(5, 0), number(6, 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fractionMs = Math.floor(Number(`0.${parts[7] ?? '0'}`) * 1000);
  const wallMs = Date.UTC(year, month - 1, day, hour, minute, second, fractionMs);
  return wallMs - offsetMs(parts[8] ?? 'Z');
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || '0');
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000;
}
