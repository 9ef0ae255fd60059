// The machine's own daemon: found if it runs, else started and ended again.

import { expect, test } from 'vitest';
import { ensureLibvirtDaemon } from '#hypervisor/libvirt/daemon.ts';
import { openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import { realEnv } from './real-env.ts';

test('a daemon that answers on the standard socket is there, and is not started twice', async () => {
  const env = realEnv();
  const daemon = await ensureLibvirtDaemon({ env });
  try {
    const driver = openLibvirtDriver({ uri: daemon.uri, env, virtType: 'qemu' });
    await driver.ready(10_000);
    expect((await driver.hostInfo()).cpus).toBeGreaterThan(0);
    await driver.close();
    const again = await ensureLibvirtDaemon({ env });
    expect({ ...again, stop: undefined }).toEqual({ ...daemon, pids: [], stop: undefined });
    await again.stop();
    expect(daemon.pids.every((pid) => process.kill(pid, 0))).toBe(true);
  } finally {
    await daemon.stop();
  }
  expect(daemon.pids.filter(isAlive)).toEqual([]);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
