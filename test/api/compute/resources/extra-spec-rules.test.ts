import { expect, test } from 'vitest';
import { extraSpecFault } from '#api/compute/resources/flavors/extra-spec-rules.ts';

test.each([
  ['hw:cpu_policy', 'dedicated'],
  ['hw:numa_nodes', '2'],
  ['hw:numa_cpus.0', '0-3,^1'],
  ['hw:numa_mem.12', '512'],
  ['hw:mem_page_size', '2MB'],
  ['hw:hide_hypervisor_id', 'True'],
  ['hw_rng:allowed', 'no'],
  ['quota:disk_read_bytes_sec', '1024'],
  ['quota:cpu_shares_level', 'custom'],
  ['resources:VCPU', '2'],
  ['resources1:CUSTOM_FPGA', '1'],
  ['trait:HW_CPU_X86_AVX', 'required'],
  ['group_policy', 'none'],
  ['capabilities:hypervisor_type', 'QEMU'],
  ['mine:anything', 'goes'],
  ['without_namespace', 'x'],
  ['constructor', 'x'],
])('%s may be %s', (name, value) => {
  expect(extraSpecFault(name, value)).toBeUndefined();
});

test.each([
  ['hw:cpu_polcy', 'dedicated', "extra spec 'hw:cpu_polcy' does not appear to be a valid"],
  ['hw:cpu_policy', 'alone', "'alone' is not one of: dedicated, shared, mixed."],
  ['hw:numa_nodes', '0', "'0' is less than the min value of '1'."],
  ['hw:numa_nodes', 'x', "'x' is not a valid integer value."],
  ['hw:mem_page_size', 'huge', "'huge' is not of the format"],
  ['hw:boot_menu', 'maybe', "'maybe' is not a valid boolean-like value."],
  ['trait:HW_CPU', 'wanted', "'wanted' is not one of: required, forbidden."],
  ['quota:nonsense', '1', 'does not appear to be a valid'],
])('%s may not be %s', (name, value, words) => {
  expect(extraSpecFault(name, value)).toContain(words);
});
