// What the aggregates of a host say under one key of their metadata. Pure.
import type { HostView } from './host-view.ts';

/** One value for each of its aggregates that has the key. */
export function aggregateValues(host: HostView, key: string): readonly string[] {
  if (host.aggregates.length === 0) return [];
  return host.aggregates.flatMap(({ metadata }) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    return value === undefined ? [] : [value];
  });
}

/** The least of those that are numbers, as in Nova; `usual` where none is. */
export function aggregateNumber(host: HostView, key: string, usual: number): number {
  if (host.aggregates.length === 0) return usual;
  const values = aggregateValues(host, key)
    .filter((value) => value.trim() !== '')
    .map(Number)
    .filter((value) => Number.isFinite(value));
  return values.length === 0 ? usual : Math.min(...values);
}

/** `a, b` in one value or in several: every word of them. */
export function aggregateWords(host: HostView, key: string): readonly string[] {
  return aggregateValues(host, key).flatMap((value) => value.split(',').map((word) => word.trim()));
}
