// The one place that says what a refusal means in HTTP: code → status and words. Each service wraps it in its own
// envelope (Nova: {itemNotFound:{code,message}}, Keystone: {error:…}, Neutron: {NeutronError:…}, Glance: html).
// Tables per service stand beside this file in errors/; a code has one meaning everywhere.
import { computeErrors } from './errors/compute.ts';
import { computeResourceErrors } from './errors/compute-resources.ts';
import { identityErrors } from './errors/identity.ts';
import { imageErrors } from './errors/image.ts';
import { networkErrors } from './errors/network.ts';
import { placementErrors } from './errors/placement.ts';
import type { ErrorEntry, ErrorTable } from './errors/entry.ts';
import type { Refusal } from '#runtime/message/refusal.ts';

export interface HttpRefusal {
  readonly status: number;
  readonly message: string;
  /** Neutron's exception name, where the service has such. */
  readonly kind: string;
  readonly headers: Readonly<Record<string, string>>;
}

const registry: Readonly<Record<string, ErrorEntry>> = joined([
  identityErrors,
  imageErrors,
  networkErrors,
  computeErrors,
  computeResourceErrors,
  placementErrors,
]);

/** A code that two tables have would mean one thing where another was meant. */
function joined(tables: readonly ErrorTable[]): Readonly<Record<string, ErrorEntry>> {
  const all: Record<string, ErrorEntry> = {};
  for (const [code, entry] of tables.flatMap((table) => Object.entries(table))) {
    if (Object.hasOwn(all, code)) throw new Error(`refusal code ${code} has two meanings`);
    all[code] = entry;
  }
  return all;
}

export function httpRefusal(refusal: Refusal): HttpRefusal {
  const entry = registry[refusal.refused];
  if (entry === undefined)
    throw new Error(`refusal code ${refusal.refused} is missing in api/errors`);
  return {
    status: typeof entry.status === 'number' ? entry.status : entry.status(refusal.detail),
    message: entry.message(refusal.detail),
    kind: entry.kind ?? refusal.refused,
    headers: entry.headers ?? {},
  };
}

export function knownErrorCodes(): readonly string[] {
  return Object.keys(registry);
}
