// Which microversion a request is answered in: reads both headers, agrees or refuses. Pure; the plugin sets headers.
// The rules are those of the microversion specification: the new header wins, of several values for compute the last.
import type { IncomingHttpHeaders } from 'node:http';

/** Minor numbers: 2.1 … 2.104. A higher maximum may only be stated when its behaviour is here. */
export const MIN_MINOR = 1;
export const MAX_MINOR = 104;
/** What `/v2` speaks: 2.0, without microversions. */
export const LEGACY_MINOR = 0;

const SERVICE_TYPE = 'compute';

export type Negotiation =
  | { readonly outcome: 'agreed'; readonly minor: number }
  | { readonly outcome: 'malformed'; readonly message: string }
  | { readonly outcome: 'unsupported'; readonly asked: string; readonly message: string };

export function negotiate(headers: IncomingHttpHeaders): Negotiation {
  const asked = askedVersion(headers);
  if (asked === undefined) return { outcome: 'agreed', minor: MIN_MINOR };
  if (asked === 'latest') return { outcome: 'agreed', minor: MAX_MINOR };
  const parts = /^([1-9]\d*)\.([1-9]\d*|0)$/.exec(asked);
  if (parts === null)
    return {
      outcome: 'malformed',
      message: `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`,
    };
  const minor = Number(parts[2]);
  if (parts[1] === '2' && minor >= MIN_MINOR && minor <= MAX_MINOR)
    return { outcome: 'agreed', minor };
  return {
    outcome: 'unsupported',
    asked,
    message: `Version ${asked} is not supported by the API. Minimum is ${versionText(MIN_MINOR)} and maximum is ${versionText(MAX_MINOR)}.`,
  };
}

/** `2.79` for 79. */
export function versionText(minor: number): string {
  return `2.${minor}`;
}

function askedVersion(headers: IncomingHttpHeaders): string | undefined {
  const standard = headers['openstack-api-version'];
  if (standard !== undefined) {
    const values = (Array.isArray(standard) ? standard.join(',') : standard).toLowerCase();
    for (const value of values.split(',').reverse()) {
      const [service, version] = value.trim().split(/\s+/, 2);
      if (service === SERVICE_TYPE && version !== undefined) return version;
    }
  }
  const legacy = headers['x-openstack-nova-api-version'];
  const value = Array.isArray(legacy) ? legacy.at(-1) : legacy;
  return value === undefined || value.trim() === '' ? undefined : value.trim().toLowerCase();
}
