// Moments as Nova spells them. Pure.

/** `2026-01-31T12:00:00Z`: `created` and `updated` of servers and faults. */
export function isoSeconds(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-31T12:00:00.123000`, without a zone: nearly everything else. */
export function isoMicroseconds(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 23)}000`;
}

/** The same, or null for what has not happened. */
export function isoMicrosecondsOrNull(atMs: number | undefined): string | null {
  return atMs === undefined ? null : isoMicroseconds(atMs);
}
