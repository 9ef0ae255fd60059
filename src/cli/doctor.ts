// `kilonova doctor`: looks at everything that Kilonova needs here, and for what does not work names the mend.
// Changes nothing. Exit code 1 if something that real guests need is missing.
import { statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Config } from '#config/schema.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { missingNeeds } from './debian.ts';
import type { DoctorArguments } from './arguments.ts';
import { findRunning } from './run-file.ts';
import { readSettings } from './settings.ts';

interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'note' | 'broken';
  readonly detail: string;
  readonly mend?: string;
}

const MIN_DISK_GIB = 5;
const LIBVIRT_WITHIN_MS = 3_000;
const REDIS_WITHIN_MS = 3_000;

export async function doctor(options: DoctorArguments): Promise<number> {
  const config = await readSettings(options);
  const findings: Finding[] = [node(), root(), ...packages()];
  for (const look of [libvirt, kvm, port, disk]) findings.push(await look(config));
  if (config.cluster.redis !== undefined) findings.push(await redis(config.cluster.redis, config));
  for (const { what, state, detail, mend } of findings) {
    const sign = { ok: 'ok    ', note: 'note  ', broken: 'BROKEN' }[state];
    process.stdout.write(`${sign} ${what}: ${detail}\n`);
    if (mend !== undefined) process.stdout.write(`         mend: ${mend}\n`);
  }
  return findings.some(({ state }) => state === 'broken') ? 1 : 0;
}

function node(): Finding {
  return { what: 'node', state: 'ok', detail: `${process.version}, brought by the launcher` };
}

function root(): Finding {
  if (process.getuid?.() === 0) return { what: 'root', state: 'ok', detail: 'yes' };
  return {
    what: 'root',
    state: 'broken',
    detail: 'no; bridges and address translation need it',
    mend: 'run as root, or use --hypervisor simulated',
  };
}

function packages(): readonly Finding[] {
  const missing = missingNeeds({ tests: false });
  if (missing.length === 0) return [{ what: 'Debian packages', state: 'ok', detail: 'all there' }];
  return missing.map((need) => ({
    what: need.proof,
    state: 'broken',
    detail: `missing; ${need.purpose}`,
    mend: `apt-get install ${need.package} (./kilonova up does it as root)`,
  }));
}

async function libvirt(config: Config): Promise<Finding> {
  const { openLibvirtDriver } = await import('#hypervisor/libvirt/driver.ts');
  const { uri } = config.hypervisor;
  const hypervisor = openLibvirtDriver({ env: realEnv(silentLog), uri, virtType: 'qemu' });
  try {
    await hypervisor.ready(LIBVIRT_WITHIN_MS);
    const info = await hypervisor.hostInfo();
    return {
      what: 'libvirt',
      state: 'ok',
      detail: `${uri} answers: ${info.hypervisorType} ${info.hypervisorVersion}, ${info.cpus} CPUs, ${info.memoryMiB} MiB`,
    };
  } catch (error) {
    const detail = `${uri} does not answer: ${error instanceof Error ? error.message : String(error)}`;
    return {
      what: 'libvirt',
      state: 'note',
      detail,
      mend: './kilonova up starts the system daemon if it is installed',
    };
  } finally {
    await hypervisor.close();
  }
}

async function kvm(): Promise<Finding> {
  const { probeKvm } = await import('#hypervisor/libvirt/kvm-probe.ts');
  const { works, reason } = await probeKvm(realEnv(silentLog));
  // qemu's own words come last.
  const words = reason.split('\n').findLast((line) => line.trim() !== '') ?? reason;
  if (works) return { what: 'kvm', state: 'ok', detail: reason };
  return {
    what: 'kvm',
    state: 'note',
    detail: `${words}; guests run under TCG, some 10 times slower`,
    mend: 'enable virtualisation in the firmware, or nesting on the outer host',
  };
}

async function port(config: Config): Promise<Finding> {
  const { host, port: number } = config.listen;
  const what = `port ${host}:${number}`;
  const running = findRunning(config.data);
  if (running !== undefined)
    return {
      what,
      state: 'ok',
      detail: `this cloud runs there already (process ${running.pid}, ${running.url})`,
    };
  const trouble = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.message));
    server.listen({ host, port: number }, () => server.close(() => resolve(undefined)));
  });
  if (trouble === undefined) return { what, state: 'ok', detail: 'free' };
  return {
    what,
    state: 'broken',
    detail: trouble,
    mend: 'end what listens there, or choose another: --listen HOST:PORT',
  };
}

async function disk(config: Config): Promise<Finding> {
  const { bavail, bsize } = statfsSync(existing(config.data));
  const freeGiB = (bavail * bsize) / 1024 ** 3;
  const detail = `${freeGiB.toFixed(1)} GiB free for ${config.data}`;
  if (freeGiB >= MIN_DISK_GIB) return { what: 'disk', state: 'ok', detail };
  return {
    what: 'disk',
    state: 'broken',
    detail,
    mend: `make room: ${MIN_DISK_GIB} GiB at least, or choose another place with --data`,
  };
}

/** The store of a cluster, if the settings name one: whether it is reached, and keeps what it acknowledges. */
async function redis(url: string, { cluster }: Config): Promise<Finding> {
  const { parseRedisUrl } = await import('#runtime/redis/address.ts');
  const { Connection } = await import('#runtime/redis/connection.ts');
  const { checkSettings } = await import('#runtime/redis/settings.ts');
  const env = realEnv(silentLog);
  const what = 'redis';
  try {
    const [address] = parseRedisUrl(url);
    if (address === undefined) throw new Error('no address is given');
    const connection = await Connection.open({
      env,
      address,
      silenceMs: REDIS_WITHIN_MS,
      onEnd: () => undefined,
    });
    try {
      await checkSettings(connection, { env, url, profile: cluster.profile }, 0);
    } finally {
      connection.end();
    }
    const settings = cluster.profile === 'dev' ? 'its settings are not looked at (dev)' : 'durable';
    return { what, state: 'ok', detail: `${address.label} answers; ${settings}` };
  } catch (error) {
    return {
      what,
      state: 'broken',
      detail: error instanceof Error ? error.message : String(error),
      mend: 'let it run with appendonly yes, appendfsync always and maxmemory-policy noeviction, or name another with --redis',
    };
  }
}

function existing(path: string): string {
  try {
    statfsSync(path);
    return path;
  } catch {
    return existing(dirname(path));
  }
}
