// Whether guests run under KVM or TCG here: probed by a timed boot once per boot of the host, then remembered in a file.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HypervisorEnv } from '../port.ts';
import { probeKvm } from './kvm-probe.ts';

interface Remembered {
  readonly bootId: string;
  readonly works: boolean;
  readonly reason: string;
}

/** `path` is the file that remembers. */
export async function chooseVirtType(env: HypervisorEnv, path: string): Promise<'kvm' | 'qemu'> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const known = await readRemembered(path);
  if (known?.bootId === bootId) return known.works ? 'kvm' : 'qemu';
  const { works, reason } = await probeKvm(env);
  env.log.info({ works, reason }, 'probed KVM');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ bootId, works, reason } satisfies Remembered));
  return works ? 'kvm' : 'qemu';
}

/** A file that can't be read or understood is the same as none: the probe is cheap enough to repeat. */
async function readRemembered(path: string): Promise<Remembered | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Remembered;
  } catch {
    return undefined;
  }
}
