// What every Journal adapter promises (src/runtime/journal/port.ts). The adapters' own files say how to open one and
// add what only they can do.
import { describe, expect, it } from 'vitest';

import { describeAppends } from './append-contract.ts';
import { createSubject, type JournalHarness } from './journal-harness.ts';
import { checkAgainstModel } from './journal-model.ts';
import { describeLatest, describeLifetime, describeSubscriptions } from './lifetime-contract.ts';
import { describeReads, describeSnapshots } from './reading-contract.ts';

export interface JournalContractOptions {
  /** Random histories to run against the model. */
  readonly modelRuns: number;
}

export function describeJournal(
  name: string,
  createHarness: () => Promise<JournalHarness>,
  options: JournalContractOptions,
): void {
  describe(`journal: ${name}`, () => {
    const subject = createSubject(createHarness);
    describeAppends(subject);
    describeReads(subject);
    describeSnapshots(subject);
    describeSubscriptions(subject);
    describeLatest(subject);
    describeLifetime(subject);

    it('behaves as the model does, whatever is asked in whatever order', async () => {
      const failure = await checkAgainstModel(createHarness, options.modelRuns);
      expect(failure).toBeUndefined();
    });
  });
}
