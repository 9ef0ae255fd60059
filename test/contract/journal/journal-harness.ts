// One storage under test and its journal, opened before each test and closed after it; and the appends that tests make.
import { afterEach, beforeEach } from 'vitest';

import type { AppendRequest, EntityKey, Journal, StoredEvent } from '#runtime/journal/port.ts';

/** One storage that can be opened again after its journal was closed. */
export interface JournalHarness {
  open(): Promise<Journal>;
  /** Damages the stored entry that holds event number `version`; the journal is closed meanwhile. */
  damage(key: EntityKey, version: number): Promise<void>;
  dispose(): Promise<void>;
}

export class Subject {
  harness!: JournalHarness;
  journal!: Journal;

  /** Appends `count` single events, one after the other. */
  async fill(key: EntityKey, count: number): Promise<void> {
    for (let version = 0; version < count; version += 1) {
      const result = await this.journal.append(request(key, version));
      if (!result.ok) throw new Error(`${key} at ${version}: ${result.reason}`);
    }
  }

  async reopen(): Promise<void> {
    await this.journal.close();
    this.journal = await this.harness.open();
  }
}

/** A subject that is made anew for each test of the suite that calls this. */
export function createSubject(createHarness: () => Promise<JournalHarness>): Subject {
  const subject = new Subject();
  beforeEach(async () => {
    subject.harness = await createHarness();
    subject.journal = await subject.harness.open();
  });
  afterEach(async () => {
    await subject.journal.close();
    await subject.harness.dispose();
  });
  return subject;
}

export function event(data: unknown, type = 'thing.happened'): StoredEvent {
  return { type, version: 1, data };
}

export function request(
  key: EntityKey,
  expectedVersion: number,
  rest: Partial<AppendRequest> = {},
): AppendRequest {
  const events = [event({ after: expectedVersion })];
  return { key, expectedVersion, epoch: 1, requestId: undefined, events, atMs: 1_000, ...rest };
}
