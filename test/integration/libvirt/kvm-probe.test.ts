// The probe's guest must run wherever QEMU does; whether KVM works is this machine's matter.

import { expect, test } from 'vitest';
import { probeAccelerator, probeKvm } from '#hypervisor/libvirt/kvm-probe.ts';
import { realEnv } from './real-env.ts';

test("the probe's guest reaches long mode and ends in time under TCG", async () => {
  expect(await probeAccelerator(realEnv(), 'tcg')).toEqual({
    works: true,
    reason: expect.stringMatching(/^a test guest ran under tcg in \d+ ms$/),
  });
});

test('the probe of KVM ends with an answer and a reason', async () => {
  const probe = await probeKvm(realEnv());
  expect(probe).toEqual({ works: expect.any(Boolean), reason: expect.stringMatching(/\S/) });
});
