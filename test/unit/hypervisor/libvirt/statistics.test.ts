// libvirt's counters by name, as the port tells them. That libvirt really answers so is the contract's matter.
import { expect, test } from 'vitest';
import { readXml } from '#hypervisor/libvirt/domain-xml/read.ts';
import { statisticsOf } from '#hypervisor/libvirt/statistics.ts';

const number = (field: string, value: number) => ({
  field,
  value: { type: 'ullong' as const, value: BigInt(value) },
});
const name = (field: string, value: string) => ({
  field,
  value: { type: 'string' as const, value },
});

const domain = readXml(
  `<domain><devices><interface type='bridge'><mac address='FA:16:3E:00:00:01'/><target dev='tap1'/></interface></devices></domain>`,
)?.at('domain');

test('counters are told by device; what is not counted is undefined', () => {
  const params = [
    number('vcpu.current', 2),
    number('vcpu.0.time', 7),
    number('balloon.maximum', 65_536),
    number('balloon.current', 65_536),
    number('balloon.rss', 30_000),
    number('net.count', 1),
    name('net.0.name', 'tap1'),
    number('net.0.rx.bytes', 5),
    number('net.0.rx.pkts', 1),
    number('net.0.rx.errs', 0),
    number('net.0.rx.drop', 2),
    number('net.0.tx.bytes', 6),
    number('block.count', 1),
    name('block.0.name', 'vda'),
    number('block.0.rd.reqs', 3),
    number('block.0.rd.bytes', 4_096),
  ];
  expect(statisticsOf(params as never, domain)).toEqual({
    cpus: [{ timeNs: 7 }, { timeNs: undefined }],
    memory: { maximumKiB: 65_536, usedKiB: 30_000 },
    disks: [
      {
        target: 'vda',
        readBytes: 4_096,
        readRequests: 3,
        writeBytes: undefined,
        writeRequests: undefined,
      },
    ],
    interfaces: [
      {
        mac: 'fa:16:3e:00:00:01',
        device: 'tap1',
        received: { bytes: 5, packets: 1, errors: 0, drops: 2 },
        sent: { bytes: 6, packets: undefined, errors: undefined, drops: undefined },
      },
    ],
  });
});
