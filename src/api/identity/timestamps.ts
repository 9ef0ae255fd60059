// Times as identity v3 writes and reads them: ISO 8601 in UTC with microseconds. A time is a number of milliseconds
// since 1970, microseconds as its fraction: a float64 holds that exactly enough until the year 2200.

/** `2026-01-31T12:00:00.123000Z` */
export function formatTime(ms: number): string {
  return `${formatNaiveTime(ms)}Z`;
}

/** The same without the Z, as application credentials have it. */
export function formatNaiveTime(ms: number): string {
  const micros = Math.round(ms * 1000);
  const wholeMs = Math.floor(micros / 1000);
  const rest = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${rest}`;
}

/** Undefined for what is no time. A time without zone is UTC. */
export function parseTime(text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/.exec(
    text,
  );
  const [, seconds, fraction = '', zone = 'Z'] = parts ?? [];
  if (seconds === undefined) return undefined;
  const ms = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(ms) ? undefined : ms + Number(`0.${fraction}0`) * 1000;
}
