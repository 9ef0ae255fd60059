// Whether KVM really runs guests here, shown by a timed boot: /dev/kvm can open and even start a guest where nested
// virtualisation is missing or emulated, and then everything takes minutes. Touches nothing but a temporary file.

import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCommandRunner } from '../command.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';

export interface KvmProbe {
  readonly works: boolean;
  /** For people: why not, or how long the boot took. */
  readonly reason: string;
}

/** A healthy machine needs 0.2 s; one that emulates KVM was seen to need 28 s. */
const PROBE_TIMEOUT_MS = 4_000;

/** What the boot sector writes to the debug exit port; QEMU then ends with (value × 2 + 1). */
const DONE = 0x2a;

/**
 * A boot sector, loaded at 0x7c00: it enters long mode behind real page tables, counts down from 2^24 there (a few
 * milliseconds on a real CPU) and writes DONE to the debug exit port.
 */
const BOOT_SECTOR = [
  'fa 31c0 8ed8 8ec0 8ed0 bc007c', // cli; ds = es = ss = 0; sp = 0x7c00
  '66bf00100000 0f22df', // cr3 = edi = 0x1000, the page tables' address
  '6631c0 66b9000c0000 66f3ab', // three empty tables
  'c70600100320 c70600200330 c70600308300', // 0x1000 → 0x2000 → 0x3000 → one page of 2 MiB at 0
  '0f20e0 83c820 0f22e0', // cr4: physical address extension
  '66b9800000c0 0f32 0d0001 0f30', // EFER: long mode enable
  '0f20c0 660d01000080 0f0116807c 0f22c0', // cr0: paging and protection; lgdt [0x7c80]
  'ea5f7c0800', // far jump to 0x08:0x7c5f, 64 bit code from here
  '48c7c100000001 48ffc9 75fb', // rcx = 2^24; count down
  'b02a e6f4 f4 ebfd', // out 0xf4, DONE; halt
].join(' ');
/** At 0x7c80: the limit and address (0x7c88) of two descriptors: null, and 64 bit code. */
const DESCRIPTOR_TABLE = '0f00 887c0000 0000 0000000000000000 00000000009a2000';

export async function probeKvm(env: HypervisorEnv): Promise<KvmProbe> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    return { works: false, reason: `/dev/kvm cannot be opened: ${(error as Error).message}` };
  }
  return probeAccelerator(env, 'kvm');
}

/** The timed boot alone. Under `tcg` it shows that the probe itself works. */
export async function probeAccelerator(
  env: HypervisorEnv,
  accelerator: 'kvm' | 'tcg',
): Promise<KvmProbe> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-kvm-probe-'));
  try {
    const disk = join(directory, 'boot.raw');
    await writeFile(disk, bootSector());
    const tookMs = await boot(disk, accelerator, env);
    return { works: true, reason: `a test guest ran under ${accelerator} in ${tookMs} ms` };
  } catch (error) {
    if (!(error instanceof HypervisorFault)) throw error;
    const slow = `a test guest did not finish within ${PROBE_TIMEOUT_MS} ms: ${accelerator} is emulated or stuck`;
    return { works: false, reason: error.code === 'timeout' ? slow : error.message };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function boot(disk: string, accelerator: 'kvm' | 'tcg', env: HypervisorEnv): Promise<number> {
  // What guests will be given: some hosts refuse only that.
  const cpu = accelerator === 'kvm' ? 'host' : 'max';
  const before = env.clock.monotonic();
  const machine = `-machine pc -m 16 -nodefaults -no-user-config -no-reboot -display none`;
  const exitPort = '-device isa-debug-exit,iobase=0xf4,iosize=1';
  const options = `-accel ${accelerator} -cpu ${cpu} ${machine} ${exitPort}`.split(' ');
  await createCommandRunner(env)(
    ['qemu-system-x86_64', ...options, '-drive', `file=${disk},format=raw,if=ide`],
    { timeoutMs: PROBE_TIMEOUT_MS, accepts: [DONE * 2 + 1] },
  );
  return Math.round(env.clock.monotonic() - before);
}

function bootSector(): Uint8Array {
  const sector = Buffer.alloc(512);
  sector.write(BOOT_SECTOR.replaceAll(' ', ''), 0, 'hex');
  sector.write(DESCRIPTOR_TABLE.replaceAll(' ', ''), 0x80, 'hex');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
