// Starts the journal's worker. Loading .ts in a thread of its own makes Node start a second TypeScript stripper there
// (10 MB, 25 ms), unless the stripped text is in the compile cache: so the thread gets the cache of its parent.
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

import type { WorkerInit } from './protocol.ts';

export function startThread(init: WorkerInit): Worker {
  const cacheDirectory = getCompileCacheDir();
  return new Worker(new URL('./worker.ts', import.meta.url), {
    name: 'journal',
    workerData: init,
    resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
    execArgv: [],
    // Node adds a directory of its version, which is what it names when asked.
    env: cacheDirectory === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cacheDirectory) },
  });
}
