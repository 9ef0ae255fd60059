// What every adapter refuses as a bug of its caller, before anything is stored.
import { assert } from '../assert.ts';
import type { AppendRequest, EntityKey } from './port.ts';

/** An entity's events are facts, not files: more text than this in one append is a mistake. */
export const largestAppend = 16 * 1024 * 1024;

/** The part before the slash; asserts that the key has both parts and survives as UTF-8. */
export function kindOf(key: EntityKey): string {
  const slash = key.indexOf('/');
  const isKey = slash > 0 && slash < key.length - 1 && key.isWellFormed();
  assert(isKey, `a journal key is kind/id, not '${key}'`);
  return key.slice(0, slash);
}

export function checkAppend(request: AppendRequest, encoded: string): void {
  const { key, expectedVersion, epoch, fence, requestId, events, atMs } = request;
  kindOf(key);
  assert(events.length > 0, `an append to ${key} needs an event`);
  assert(isCount(expectedVersion) && isCount(epoch), `${key}: version and epoch are whole numbers`);
  assert(Number.isSafeInteger(atMs), `${key}: atMs is a whole number of milliseconds, not ${atMs}`);
  assert(requestId === undefined || requestId.isWellFormed(), `${key}: a request id is text`);
  if (fence !== undefined) checkEpochName(fence);
  assert(
    encoded.length <= largestAppend,
    `an append of ${encoded.length} characters to ${key} is over the bound of ${largestAppend}`,
  );
}

/** A snapshot ahead of its stream would invent history, so it is refused as the bug that it is. */
export function checkCovered(key: string, version: number, streamVersion: number): void {
  assert(
    version <= streamVersion,
    `a snapshot of ${key} at ${version} is ahead of its stream at ${streamVersion}`,
  );
}

export function checkEpochName(name: string): void {
  assert(name !== '' && name.isWellFormed(), 'an epoch counter needs a name');
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
