// An expected refusal is a value: a code from the actor's protocol and the figures behind it.
// What a code means in HTTP stands in api/errors.ts alone. Faults (trouble outside) are exceptions, not refusals.

export interface Refusal {
  readonly refused: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export function refuse(code: string, detail: Readonly<Record<string, unknown>> = {}): Refusal {
  return { refused: code, detail };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value && 'detail' in value;
}
