// A Journal in thirty lines, and random histories that an adapter must answer exactly as it does.
import * as fc from 'fast-check';
import { expect } from 'vitest';

import type {
  AppendRequest,
  AppendResult,
  EntityKey,
  Journal,
  JournalEntry,
} from '#runtime/journal/port.ts';

import type { JournalHarness } from './journal-harness.ts';

type Operation =
  | { readonly type: 'append'; readonly request: AppendRequest }
  | { readonly type: 'snapshot'; readonly key: EntityKey; readonly back: number }
  | { readonly type: 'compact'; readonly key: EntityKey; readonly version: number }
  | { readonly type: 'reopen' };

interface ModelStream {
  version: number;
  epoch: number;
  entries: Omit<JournalEntry, 'position'>[];
  requests: Record<string, number>;
  snapshot: { readonly version: number; readonly state: unknown } | undefined;
}

const keys: readonly EntityKey[] = ['a/1', 'a/2', 'b/1'];
const keyArbitrary = fc.constantFrom(...keys);

/** As JSON has it, which knows no -0. */
const plainArbitrary = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const appendArbitrary = fc
  .record({
    key: keyArbitrary,
    expectedVersion: fc.nat({ max: 6 }),
    epoch: fc.integer({ min: 1, max: 3 }),
    requestId: fc.option(fc.constantFrom('r1', 'r2', 'r3', 'r4'), { nil: undefined }),
    events: fc.array(plainArbitrary, { minLength: 1, maxLength: 3 }),
    atMs: fc.nat(),
  })
  .map(({ events, ...rest }): Operation => {
    const stored = events.map((data) => ({ type: 'e', version: 1, data }));
    return { type: 'append', request: { ...rest, events: stored } };
  });

const operationArbitrary: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 12, arbitrary: appendArbitrary },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('snapshot' as const),
      key: keyArbitrary,
      back: fc.nat(2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('compact' as const),
      key: keyArbitrary,
      version: fc.nat(8),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
);

/** Runs random histories; the shortest one that goes wrong is in the words that it returns. */
export async function checkAgainstModel(
  createHarness: () => Promise<JournalHarness>,
  numRuns: number,
): Promise<string | undefined> {
  const property = fc.asyncProperty(
    fc.array(operationArbitrary, { minLength: 10, maxLength: 60 }),
    async (operations) => {
      const harness = await createHarness();
      try {
        await runOperations(harness, operations);
      } finally {
        await harness.dispose();
      }
    },
  );
  const outcome = await fc.check(property, { numRuns });
  return outcome.failed ? fc.defaultReportMessage(outcome) : undefined;
}

async function runOperations(
  harness: JournalHarness,
  operations: readonly Operation[],
): Promise<void> {
  const model = new Map<EntityKey, ModelStream>();
  const streamOf = (key: EntityKey): ModelStream => model.get(key) ?? newStream();
  let journal = await harness.open();
  let pending: Promise<void>[] = [];
  const settle = async (): Promise<void> => {
    await Promise.all(pending);
    pending = [];
  };
  try {
    for (const operation of operations) {
      switch (operation.type) {
        case 'append': {
          const { key } = operation.request;
          const stream = streamOf(key);
          const expected = appendToModel(stream, operation.request);
          if (stream.version > 0) model.set(key, stream);
          const compare = async (): Promise<void> => {
            const result = await journal.append(operation.request);
            expect(result.ok ? { ok: true, version: result.version } : result).toEqual(expected);
          };
          pending.push(compare());
          break;
        }
        case 'snapshot': {
          const stream = streamOf(operation.key);
          const version = stream.version - operation.back;
          if (version <= 0 || !stream.entries.some((entry) => entry.version === version)) break;
          const state = { of: version };
          if (version >= (stream.snapshot?.version ?? 0)) stream.snapshot = { version, state };
          pending.push(
            journal.saveSnapshot({ key: operation.key, version, schema: 1, state, position: 1 }),
          );
          break;
        }
        case 'compact': {
          const stream = streamOf(operation.key);
          const covered = Math.min(operation.version, stream.snapshot?.version ?? 0);
          stream.entries = stream.entries.filter((entry) => entry.version > covered);
          pending.push(journal.compact(operation.key, operation.version));
          break;
        }
        case 'reopen': {
          await settle();
          await journal.close();
          journal = await harness.open();
          break;
        }
      }
    }
    await settle();
    expect(await observe(journal)).toEqual(expectedView(model));
  } finally {
    await journal.close();
  }
}

function newStream(): ModelStream {
  return { version: 0, epoch: 0, entries: [], requests: {}, snapshot: undefined };
}

/** A result without its position, which is the adapter's own. */
type ModelResult =
  | Exclude<AppendResult, { ok: true }>
  | { readonly ok: true; readonly version: number };

function appendToModel(stream: ModelStream, request: AppendRequest): ModelResult {
  const { requestId, expectedVersion, events, ...rest } = request;
  const done = stream.requests[requestId ?? ''];
  if (request.epoch < stream.epoch) return { ok: false, reason: 'fenced', epoch: stream.epoch };
  if (done !== undefined) return { ok: false, reason: 'duplicate', version: done };
  if (expectedVersion !== stream.version) {
    return { ok: false, reason: 'conflict', version: stream.version };
  }
  const version = stream.version + events.length;
  stream.entries.push({ ...rest, requestId, events, firstVersion: stream.version, version });
  stream.version = version;
  stream.epoch = request.epoch;
  if (requestId !== undefined) stream.requests[requestId] = version;
  return { ok: true, version };
}

async function observe(journal: Journal): Promise<unknown> {
  const loaded = await journal.load(keys);
  const streams = await Promise.all(keys.map((key) => journal.read(key, 0)));
  const all = await journal.entriesAfter(0, 1_000);
  const positions = all.map((entry) => entry.position);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  return {
    keys: [
      ...(await journal.keys('a', undefined, 10)),
      ...(await journal.keys('b', undefined, 10)),
    ],
    streams: streams.map((entries) => entries.map(withoutPosition)),
    snapshots: loaded.map(
      ({ snapshot }) => snapshot && { version: snapshot.version, state: snapshot.state },
    ),
    tails: loaded.map(({ entries }) => entries.map(withoutPosition)),
    total: all.length,
  };
}

function expectedView(model: ReadonlyMap<EntityKey, ModelStream>): unknown {
  const streams = keys.map((key) => model.get(key) ?? newStream());
  const known = keys.filter((key) => model.has(key));
  return {
    keys: known.map((key) => ({ key, version: model.get(key)?.version })),
    streams: streams.map(({ entries }) => entries),
    snapshots: streams.map(({ snapshot }) => snapshot),
    tails: streams.map(({ entries, snapshot }) =>
      entries.filter((entry) => entry.version > (snapshot?.version ?? 0)),
    ),
    total: streams.reduce((sum, { entries }) => sum + entries.length, 0),
  };
}

function withoutPosition({ position, ...entry }: JournalEntry): Omit<JournalEntry, 'position'> {
  expect(position).toBeGreaterThan(0);
  return entry;
}
