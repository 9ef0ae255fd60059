// XDR (RFC 4506) as typed schemas: each says how a TypeScript value is written and read, and `Infer` gives its type.
// Reading trusts nothing: every length is checked against its limit and against the bytes that are left, so that
// malformed input ends in an XdrError and never in a loop, a huge allocation or a crash. Knows nothing of libvirt.

/** Bytes or a value that do not fit the schema. */
export class XdrError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'XdrError';
  }
}

export interface Xdr<T> {
  // Method syntax on purpose: it makes every Xdr<T> an Xdr<unknown>, which struct and union need.
  write(writer: XdrWriter, value: T): void;
  read(reader: XdrReader): T;
}

export type Infer<S> = S extends Xdr<infer T> ? T : never;

/** Grows as needed; a finished message is a view into its buffer. */
export class XdrWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  int32(value: number): void {
    const at = this.#take(4);
    this.#view.setInt32(at, value);
  }

  uint32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value);
  }

  int64(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigInt64(at, value);
  }

  uint64(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigUint64(at, value);
  }

  float64(value: number): void {
    const at = this.#take(8);
    this.#view.setFloat64(at, value);
  }

  /** The bytes, then zeros up to a multiple of four. */
  padded(value: Uint8Array): void {
    const at = this.#take((value.length + 3) & ~3);
    this.#bytes.set(value, at);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

export class XdrReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  /** A view of `length` bytes; the padding behind them is skipped. */
  padded(length: number): Uint8Array {
    const at = this.#take(length);
    this.#take((4 - (length & 3)) & 3);
    return this.#bytes.subarray(at, at + length);
  }

  #take(count: number): number {
    if (count > this.remaining) {
      throw new XdrError(`${count} bytes wanted, ${this.remaining} left`);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }
}

export function encodeXdr<T>(schema: Xdr<T>, value: T): Uint8Array {
  const writer = new XdrWriter();
  schema.write(writer, value);
  return writer.finish();
}

/** Throws XdrError unless the bytes are exactly one value. */
export function decodeXdr<T>(schema: Xdr<T>, bytes: Uint8Array): T {
  const reader = new XdrReader(bytes);
  const value = schema.read(reader);
  if (reader.remaining > 0) throw new XdrError(`${reader.remaining} bytes too many`);
  return value;
}

/** `void`: no bytes at all. */
export const nothing: Xdr<void> = { write: () => undefined, read: () => undefined };

export const int: Xdr<number> = {
  write: (writer, value) => writer.int32(inRange(value, -0x8000_0000, 0x7fff_ffff)),
  read: (reader) => reader.int32(),
};

export const uint: Xdr<number> = {
  write: (writer, value) => writer.uint32(inRange(value, 0, 0xffff_ffff)),
  read: (reader) => reader.uint32(),
};

/** 64 bits that may be counts of bytes: bigint, so that nothing is rounded. */
export const hyper: Xdr<bigint> = {
  write: (writer, value) => writer.int64(bigInRange(value, BigInt.asIntN(64, value))),
  read: (reader) => reader.int64(),
};

export const uhyper: Xdr<bigint> = {
  write: (writer, value) => writer.uint64(bigInRange(value, BigInt.asUintN(64, value))),
  read: (reader) => reader.uint64(),
};

/** 64 bits on the wire for a number known to be small (versions, KiB of memory); 2^53 and above is an error. */
export const smallUhyper: Xdr<number> = {
  write: (writer, value) => writer.uint64(BigInt(inRange(value, 0, Number.MAX_SAFE_INTEGER))),
  read: (reader) => {
    const value = reader.uint64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new XdrError(`${value} is above 2^53`);
    return Number(value);
  },
};

export const double: Xdr<number> = {
  write: (writer, value) => writer.float64(value),
  read: (reader) => reader.float64(),
};

export const bool: Xdr<boolean> = {
  write: (writer, value) => writer.int32(value ? 1 : 0),
  read: (reader) => {
    const value = reader.int32();
    if (value !== 0 && value !== 1) throw new XdrError(`${value} is not a boolean`);
    return value === 1;
  },
};

/** Exactly `length` bytes. */
export function fixedOpaque(length: number): Xdr<Uint8Array> {
  return {
    write: (writer, value) => {
      if (value.length !== length) {
        throw new XdrError(`${value.length} bytes given, ${length} needed`);
      }
      writer.padded(value);
    },
    read: (reader) => new Uint8Array(reader.padded(length)),
  };
}

/** Up to `maxBytes` bytes. */
export function opaque(maxBytes: number): Xdr<Uint8Array> {
  return {
    write: (writer, value) => {
      writer.uint32(upTo(value.length, maxBytes));
      writer.padded(value);
    },
    read: (reader) => new Uint8Array(reader.padded(upTo(reader.uint32(), maxBytes))),
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** UTF-8 text of up to `maxBytes` bytes. It ends a C string, so a NUL cannot be sent. */
export function string(maxBytes: number): Xdr<string> {
  return {
    write: (writer, value) => {
      if (value.includes('\0')) throw new XdrError('text with a NUL character cannot be sent');
      const bytes = encoder.encode(value);
      writer.uint32(upTo(bytes.length, maxBytes));
      writer.padded(bytes);
    },
    read: (reader) => decoder.decode(reader.padded(upTo(reader.uint32(), maxBytes))),
  };
}

/** Up to `maxCount` values. */
export function array<T>(element: Xdr<T>, maxCount: number): Xdr<readonly T[]> {
  return {
    write: (writer, values) => {
      writer.uint32(upTo(values.length, maxCount));
      for (const value of values) element.write(writer, value);
    },
    read: (reader) => readMany(reader, element, upTo(reader.uint32(), maxCount)),
  };
}

/** Exactly `count` values, without a length before them. */
export function fixedArray<T>(element: Xdr<T>, count: number): Xdr<readonly T[]> {
  return {
    write: (writer, values) => {
      if (values.length !== count) {
        throw new XdrError(`${values.length} values given, ${count} needed`);
      }
      for (const value of values) element.write(writer, value);
    },
    read: (reader) => readMany(reader, element, count),
  };
}

/** A pointer that may be null; undefined here. */
export function optional<T>(inner: Xdr<T>): Xdr<T | undefined> {
  return {
    write: (writer, value) => {
      bool.write(writer, value !== undefined);
      if (value !== undefined) inner.write(writer, value);
    },
    read: (reader) => (bool.read(reader) ? inner.read(reader) : undefined),
  };
}

type Fields = Readonly<Record<string, Xdr<unknown>>>;

/** Fields in the order in which they are written down. */
export function struct<F extends Fields>(fields: F): Xdr<{ readonly [K in keyof F]: Infer<F[K]> }> {
  const entries = Object.entries(fields);
  return {
    write: (writer, value) => {
      const values = value as Readonly<Record<string, unknown>>;
      for (const [name, schema] of entries) schema.write(writer, values[name]);
    },
    read: (reader) => {
      const values: Record<string, unknown> = {};
      for (const [name, schema] of entries) values[name] = schema.read(reader);
      return values as never;
    },
  };
}

type Arms = Readonly<Record<number, { readonly type: string; readonly value: Xdr<unknown> }>>;
type ArmValue<A> = A extends { readonly type: infer Type; readonly value: Xdr<infer T> }
  ? { readonly type: Type; readonly value: T }
  : never;

/** A union told apart by an int; each arm's `type` names it in TypeScript. */
export function union<const A extends Arms>(arms: A): Xdr<ArmValue<A[keyof A]>> {
  const byNumber: Arms = arms;
  const numbers = new Map(Object.entries(byNumber).map(([key, arm]) => [arm.type, Number(key)]));
  return {
    write: (writer, value) => {
      const { type, value: inner } = value as { type: string; value: unknown };
      const number = numbers.get(type);
      const arm = number === undefined ? undefined : byNumber[number];
      if (number === undefined || arm === undefined) throw new XdrError(`no arm is called ${type}`);
      writer.int32(number);
      arm.value.write(writer, inner);
    },
    read: (reader) => {
      const number = reader.int32();
      const arm = byNumber[number];
      if (arm === undefined) throw new XdrError(`no arm has the number ${number}`);
      return { type: arm.type, value: arm.value.read(reader) } as never;
    },
  };
}

function readMany<T>(reader: XdrReader, element: Xdr<T>, count: number): readonly T[] {
  const values: T[] = [];
  for (let index = 0; index < count; index++) values.push(element.read(reader));
  return values;
}

function upTo(count: number, max: number): number {
  if (count > max) throw new XdrError(`length ${count} is above the limit of ${max}`);
  return count;
}

function inRange(value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new XdrError(`${value} is no whole number from ${min} to ${max}`);
  }
  return value;
}

function bigInRange(value: bigint, wrapped: bigint): bigint {
  if (value !== wrapped) throw new XdrError(`${value} does not fit in 64 bits`);
  return value;
}
