// Times as identity v3 writes and reads them: ISO 8601 in UTC with microseconds.

/** `2026-01-31T12:00:00.123000Z` */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

/** The same without the Z, as application credentials have it. */
export function formatNaiveTime(ms: number): string {
  return formatTime(ms).slice(0, -1);
}

/** Milliseconds since 1970; undefined for what is no time. A time without zone is UTC. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/.test(text))
    return undefined;
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
