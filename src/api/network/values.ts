// Values in requests: what they may be, and how they are understood. Pure but for the words it throws.
// A check gives the reason why a value is wrong, in Neutron's words, or undefined; a conversion gives what is kept.
import { formatAddress, parseAddress, parsePrefix } from '#actors/services/network/addresses.ts';
import { invalidInput } from './neutron-error.ts';

export type Check = (value: unknown) => string | undefined;
export type Convert = (value: unknown) => unknown;

const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const MAC = /^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$/;

/** A value as Python prints it in messages. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function text(maxLength: number): Check {
  return (value) => {
    if (typeof value !== 'string') return `'${show(value)}' is not a valid string`;
    if (Array.from(value).length > maxLength)
      return `'${value}' exceeds maximum length of ${maxLength}`;
    return undefined;
  };
}

export function oneOf(...allowed: readonly unknown[]): Check {
  return (value) =>
    allowed.includes(value)
      ? undefined
      : `${show(value)} is not in [${allowed.map((each) => (typeof each === 'string' ? `'${each}'` : show(each))).join(', ')}]`;
}

export function orNull(check: Check): Check {
  return (value) => (value === null ? undefined : check(value));
}

export const uuid: Check = (value) =>
  typeof value === 'string' && UUID.test(value)
    ? undefined
    : `'${show(value)}' is not a valid UUID`;

export const mac: Check = (value) => {
  const isMac = typeof value === 'string' && MAC.test(value) && value !== '00:00:00:00:00:00';
  return isMac ? undefined : `'${show(value)}' is not a valid MAC address`;
};

export const address: Check = (value) =>
  typeof value === 'string' && parseAddress(value) !== undefined
    ? undefined
    : `'${show(value)}' is not a valid IP address`;

export const subnet: Check = (value) =>
  typeof value === 'string' && parsePrefix(value) !== undefined
    ? undefined
    : `'${show(value)}' is not a valid IP subnet`;

export function listOf(what: string, max: number, item: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return `Invalid data format for ${what}: '${show(value)}'`;
    if (value.length > max) return `Too many entries for ${what}: at most ${max}`;
    return firstFault(value, item) ?? duplicate(what, value);
  };
}

function firstFault(values: readonly unknown[], item: Check): string | undefined {
  for (const value of values) {
    const fault = item(value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function duplicate(what: string, values: readonly unknown[]): string | undefined {
  const seen = new Set<string>();
  for (const value of values) {
    const form = JSON.stringify(value);
    if (seen.has(form)) return `Duplicate ${what} '${show(value)}'`;
    seen.add(form);
  }
  return undefined;
}

/** An object with these members and no others. */
export function shaped(
  what: string,
  members: Readonly<Record<string, Check>>,
  optional: readonly string[] = [],
): Check {
  return (value) => {
    if (!isRecord(value)) return `Invalid data format for ${what}: '${show(value)}'`;
    const names = Object.keys(value);
    const strange = names.find((name) => !Object.hasOwn(members, name));
    const missing = Object.keys(members).find(
      (name) => !Object.hasOwn(value, name) && !optional.includes(name),
    );
    if (strange !== undefined || missing !== undefined)
      return `Validation of dictionary's keys failed. Expected keys: ${show(Object.keys(members))} Provided keys: ${show(names)}`;
    for (const name of names) {
      const fault = members[name]?.(value[name]);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  false: false,
  '0': false,
};

export const toBoolean: Convert = (value) => {
  if (typeof value === 'boolean') return value;
  const known = booleans[show(value).toLowerCase()];
  if (known !== undefined && (typeof value === 'string' || typeof value === 'number')) return known;
  throw invalidInput(`'${show(value)}' cannot be converted to boolean`);
};

export const toInteger: Convert = (value) => {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value);
  const isText = typeof value === 'string' && /^-?\d{1,15}$/.test(value.trim());
  if (isNumber || isText) return Number(value);
  throw invalidInput(`'${show(value)}' is not an integer`);
};

export const toAddress: Convert = (value) => {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined;
  return parsed === undefined ? value : formatAddress(parsed);
};

export function nullTo(instead: unknown): Convert {
  return (value) => value ?? instead;
}
