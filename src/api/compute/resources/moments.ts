// How most resources write a moment: UTC, microseconds, no zone letter. Servers' own created and updated differ. Pure.

/** `2026-01-01T12:00:00.000000`. */
export function momentOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, -1)}000`;
}

export function momentOrNull(atMs: number | undefined): string | null {
  return atMs === undefined ? null : momentOf(atMs);
}
