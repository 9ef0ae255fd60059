// The shape of a row in the error registry.

export interface ErrorEntry {
  /** By what was asked, where one refusal has several meanings. */
  readonly status: number | ((detail: Readonly<Record<string, unknown>>) => number);
  /** Words for the user; `detail` is the refusal's. */
  readonly message: (detail: Readonly<Record<string, unknown>>) => string;
  /** Neutron's exception name. */
  readonly kind?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ErrorTable = Readonly<Record<string, ErrorEntry>>;
