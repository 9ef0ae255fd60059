// The hypervisor contract on real libvirt and QEMU.

import { hypervisorContract } from '#test/contract/hypervisor/hypervisor-contract.ts';
import { makeLibvirtHarness } from './libvirt-harness.ts';

hypervisorContract('libvirt', makeLibvirtHarness);
