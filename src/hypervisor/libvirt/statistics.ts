// What libvirt counts of a guest, from its one call for all statistics; MAC addresses are in the domain alone. Pure but for
// the two calls. Names of the counters: virConnectGetAllDomainStats.

import type { GuestStatistics, InterfaceCounts } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { Connections } from './connections.ts';
import { readXml } from './domain-xml/read.ts';
import type { XmlNode } from './domain-xml/read.ts';
import { domainRef } from './guest-reader.ts';
import { procedures } from './rpc/procedures.ts';
import type { TypedParameter } from './rpc/structures.ts';

/** Balloon, virtual CPUs, interfaces, disks. */
const WANTED = 4 | 8 | 16 | 32;
const STATISTICS_TIMEOUT_MS = 10_000;

export async function readStatistics(
  connections: Connections,
  id: string,
): Promise<GuestStatistics> {
  const dom = domainRef(id);
  const [{ records }, { xml }] = await Promise.all([
    connections.work(
      procedures.connectGetAllDomainStats,
      { doms: [dom], stats: WANTED, flags: 0 },
      STATISTICS_TIMEOUT_MS,
    ),
    connections.quick(procedures.domainGetXmlDesc, { dom, flags: 0 }),
  ]);
  const [record] = records;
  if (record === undefined) throw new HypervisorFault('guest-not-found', `there is no guest ${id}`);
  return statisticsOf(record.params, readXml(xml)?.at('domain'));
}

/** Counters by name, beside the domain that they are of. */
export function statisticsOf(
  params: readonly TypedParameter[],
  domain: XmlNode | undefined,
): GuestStatistics {
  const values = new Map(params.map(({ field, value }) => [field, value.value]));
  const count = (name: string): number | undefined => {
    const value = values.get(name);
    return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
  };
  const each = <T>(kind: string, one: (prefix: string) => T): readonly T[] =>
    Array.from({ length: count(kind) ?? 0 }, (_, index) => one(`${kind.split('.')[0]}.${index}`));
  const macs = macsByDevice(domain);
  const counts = (prefix: string): InterfaceCounts => ({
    bytes: count(`${prefix}.bytes`),
    packets: count(`${prefix}.pkts`),
    errors: count(`${prefix}.errs`),
    drops: count(`${prefix}.drop`),
  });
  return {
    cpus: each('vcpu.current', (prefix) => ({ timeNs: count(`${prefix}.time`) })),
    memory: {
      maximumKiB: count('balloon.maximum') ?? 0,
      usedKiB: count('balloon.rss') ?? count('balloon.current'),
    },
    disks: each('block.count', (prefix) => ({
      target: String(values.get(`${prefix}.name`) ?? ''),
      readBytes: count(`${prefix}.rd.bytes`),
      readRequests: count(`${prefix}.rd.reqs`),
      writeBytes: count(`${prefix}.wr.bytes`),
      writeRequests: count(`${prefix}.wr.reqs`),
    })),
    interfaces: each('net.count', (prefix) => {
      const device = String(values.get(`${prefix}.name`) ?? '');
      const [received, sent] = [counts(`${prefix}.rx`), counts(`${prefix}.tx`)];
      return { mac: macs.get(device) ?? '', device, received, sent };
    }),
  };
}

function macsByDevice(domain: XmlNode | undefined): ReadonlyMap<string, string> {
  const interfaces = domain?.at('devices')?.children('interface') ?? [];
  return new Map(
    interfaces.map((one) => [
      one.at('target')?.attribute('dev') ?? '',
      one.at('mac')?.attribute('address')?.toLowerCase() ?? '',
    ]),
  );
}
