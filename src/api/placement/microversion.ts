// Which microversion a request is answered in: reads the standard header as Placement does. Pure; the plugin sets
// the reply's headers. Of several values for placement the last counts.
import type { IncomingHttpHeaders } from 'node:http';

/** Minor numbers: 1.0 … 1.39. A higher maximum may only be stated when its behaviour is here. */
export const MIN_MINOR = 0;
export const MAX_MINOR = 39;

const SERVICE_TYPE = 'placement';

export type Negotiation =
  | { readonly outcome: 'agreed'; readonly minor: number }
  | { readonly outcome: 'malformed'; readonly message: string }
  | { readonly outcome: 'unsupported'; readonly message: string };

export function negotiate(headers: IncomingHttpHeaders): Negotiation {
  const asked = askedVersion(headers['openstack-api-version']);
  if (asked === undefined) return { outcome: 'agreed', minor: MIN_MINOR };
  if (asked === 'latest') return { outcome: 'agreed', minor: MAX_MINOR };
  const parts = /^\s*(\d+)\.(\d+)\s*$/.exec(asked);
  if (parts === null)
    return {
      outcome: 'malformed',
      message: `Invalid microversion: invalid version string: ${asked}`,
    };
  const minor = Number(parts[2]);
  if (Number(parts[1]) === 1 && minor >= MIN_MINOR && minor <= MAX_MINOR)
    return { outcome: 'agreed', minor };
  return {
    outcome: 'unsupported',
    message: `Invalid microversion: Unacceptable version header: ${asked}`,
  };
}

/** `1.39` for 39. */
export function versionText(minor: number): string {
  return `1.${minor}`;
}

function askedVersion(header: string | string[] | undefined): string | undefined {
  const values = Array.isArray(header) ? header.join(',') : (header ?? '');
  for (const value of values.split(',').reverse()) {
    const found = /^\s*(\S+)\s+(\S.*?)\s*$/.exec(value);
    if (found?.[1]?.toLowerCase() === SERVICE_TYPE) return found[2];
  }
  return undefined;
}
