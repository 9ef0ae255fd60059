// Starts the journal's worker. Node would load its .ts files there with a TypeScript stripper of the thread's own,
// which costs 17 MB and 40 ms; so the main thread, which has one anyway, strips them and hands the text over.
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { Worker } from 'node:worker_threads';

import type { WorkerInit } from './protocol.ts';

/** worker.ts and every file of ours that it needs. */
const files = ['worker.ts', 'store.ts', 'schema.ts', 'fault.ts', 'checksum.ts', '../../assert.ts'];

/** Plain JavaScript, because it is what makes the thread find the stripped files. */
const bootstrap = `
  const { registerHooks } = require('node:module');
  const { sources, entry } = require('node:worker_threads').workerData;
  registerHooks({
    load: (url, context, nextLoad) => sources[url] === undefined
      ? nextLoad(url, context)
      : { format: 'module', source: sources[url], shortCircuit: true },
  });
  import(entry);
`;

export function startThread(init: WorkerInit): Worker {
  const urls = files.map((file) => new URL(file, import.meta.url).href);
  const sources = Object.fromEntries(urls.map((url) => [url, stripTypes(new URL(url))]));
  return new Worker(bootstrap, {
    eval: true,
    name: 'journal',
    workerData: { init, sources, entry: urls[0] },
    resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
    execArgv: [],
    env: {},
  });
}

/** Node warns that stripping by hand is experimental; that is no news for those who run us. */
function stripTypes(url: URL): string {
  const warn = Object.getOwnPropertyDescriptor(process, 'emitWarning') ?? {};
  Object.defineProperty(process, 'emitWarning', { ...warn, value: () => undefined });
  try {
    return stripTypeScriptTypes(readFileSync(url, 'utf8'));
  } finally {
    Object.defineProperty(process, 'emitWarning', warn);
  }
}
