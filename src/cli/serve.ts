// The process that is the cloud: starts it, writes what clients and later commands read, and stops it on a signal.
// Run directly by `up --detach`, with the configuration as its argument.
import { mkdirSync } from 'node:fs';
import type { Config } from '#config/schema.ts';
import { type Cloud, processKindOf, startCloud, startCompute, type TinyImage } from '#main';
import { writeClientFiles } from './client-files.ts';
import { releaseIdleHeap } from './idle-heap.ts';
import { removeRunFile, writeRunFile } from './run-file.ts';
import { loadSecrets } from './secrets.ts';

/** Resolves when the APIs answer. SIGTERM and SIGINT stop the cloud in order; a second one ends it at once. */
export async function serve(config: Config, tinyImage: TinyImage): Promise<void> {
  mkdirSync(config.data, { recursive: true });
  let cloud: Cloud | undefined;
  let isStopping = false;
  function stop(reason: string, code: number): void {
    if (isStopping || cloud === undefined) process.exit(isStopping ? 1 : code);
    isStopping = true;
    const { log } = cloud;
    log.info({ reason }, 'stopping');
    cloud
      .stop()
      .finally(() => removeRunFile(config.data))
      .then(
        () => process.exit(code),
        (error: unknown) => {
          log.error({ err: error }, 'stopping failed');
          process.exit(1);
        },
      );
  }
  const isCompute = processKindOf(config) === 'compute';
  const secrets = isCompute ? undefined : loadSecrets(config.data);
  cloud =
    secrets === undefined
      ? await startCompute({ config, onEnd: stop })
      : await startCloud({ config, secrets, tinyImage, onEnd: stop });
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  process.on('SIGINT', () => stop('SIGINT', 0));
  releaseIdleHeap();
  if (secrets !== undefined)
    writeClientFiles(config.data, { url: cloud.url, region: config.region, secrets });
  writeRunFile(config.data, { url: cloud.url, hypervisor: config.hypervisor.kind });
}

/** What stopped the start, for people. */
export function wordsOf(error: unknown, config: Config): string {
  const code = (error as NodeJS.ErrnoException).code;
  const { host, port } = config.listen;
  if (code === 'EADDRINUSE')
    return `something else listens on ${host}:${port}: end it, or choose another place with --listen HOST:PORT`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `this machine has no address ${host}: choose another with --listen HOST:PORT`;
  if (code === 'EACCES')
    return `${host}:${port} may not be listened on: choose a port above 1023, or run as root`;
  return error instanceof Error ? error.message : String(error);
}

if (process.argv[1] === import.meta.filename) {
  const { config, image } = JSON.parse(process.argv[2] ?? '{}') as {
    config: Config;
    image: TinyImage;
  };
  try {
    await serve(config, image);
  } catch (error) {
    process.stderr.write(`kilonova: ${wordsOf(error, config)}\n`);
    process.exit(1);
  }
}
