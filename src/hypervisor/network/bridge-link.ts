// The Linux bridge of a network and the host's addresses on it, by iproute2: one call to look, one batch to mend.
// A bridge carries our mark as its alias; one without it is somebody else's and is neither used nor removed.

import type { RunCommand } from '../command.ts';
import { listIfThere } from '../host-files.ts';
import type { HostNetworkSpec } from '../network-port.ts';
import { HypervisorFault } from '../port.ts';
import { overlapsIpv4, parseIpv4Network } from './ipv4.ts';
import { metadataAddress, servesDhcp } from './dnsmasq-config.ts';

interface LinkFacts {
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

interface RouteFacts {
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
}

export class BridgeLinks {
  readonly #run: RunCommand;
  readonly #cloudId: string;
  readonly #elsewhere: boolean;

  /** `elsewhere`: `run` works in another network namespace than this process. */
  constructor(run: RunCommand, options: { readonly cloudId: string; readonly elsewhere: boolean }) {
    this.#run = run;
    this.#cloudId = options.cloudId;
    this.#elsewhere = options.elsewhere;
  }

  /** Whether this host can have the network, before anything is made. Fault `failed` saying what stands in its way. */
  async check(spec: HostNetworkSpec): Promise<void> {
    const link = await this.#find(spec.bridge);
    if (link !== undefined) this.#checkOurs(spec, link);
    if (missingAddresses(spec, link).length > 0) await this.#checkOverlap(spec);
  }

  /** True when the bridge had to be made: what was bound to an earlier one must be started again. */
  async ensure(spec: HostNetworkSpec): Promise<boolean> {
    const link = await this.#find(spec.bridge);
    if (link !== undefined) this.#checkOurs(spec, link);
    const wanted = addressesOf(spec);
    const batch = [
      ...(link === undefined ? [`link add name ${spec.bridge} type bridge`] : []),
      ...(isReady(spec, link) ? [] : [this.#describeLink(spec)]),
      ...presentAddresses(link)
        .filter((address) => !wanted.includes(address))
        .map((address) => `addr del ${address} dev ${spec.bridge}`),
      ...missingAddresses(spec, link).map((address) => `addr add ${address} dev ${spec.bridge}`),
      ...routesOf(spec).map((cidr) => `route replace ${cidr} dev ${spec.bridge}`),
    ];
    if (batch.length > 0) await this.#batch(batch);
    return link === undefined;
  }

  /** Removes the bridge if it is ours; silent if there is none. */
  async remove(spec: HostNetworkSpec): Promise<void> {
    const link = await this.#find(spec.bridge);
    if (link?.ifalias !== this.#mark(spec)) return;
    await this.#batch([`link del dev ${spec.bridge}`]);
  }

  /** Removes a tap device; silent if there is none. */
  async removeTap(tap: string): Promise<void> {
    // The driver has removed it with the guest, as a rule; asking the kernel costs less than asking `ip`.
    if (!this.#elsewhere && (await listIfThere(`/sys/class/net/${tap}`)).length === 0) return;
    const result = await this.#run(['ip', 'link', 'del', 'dev', tap], { accepts: [0, 1] });
    if (result.exitCode === 0 || result.stderr.includes('Cannot find device')) return;
    throw new HypervisorFault('failed', `device ${tap} cannot be removed: ${result.stderr.trim()}`);
  }

  async #find(device: string): Promise<LinkFacts | undefined> {
    const result = await this.#run(['ip', '-j', '-d', 'addr', 'show', 'dev', device], {
      accepts: [0, 1],
    });
    if (result.exitCode === 0) return (JSON.parse(result.stdout) as LinkFacts[])[0];
    if (result.stderr.includes('does not exist')) return undefined;
    throw new HypervisorFault('failed', `device ${device}: ${result.stderr.trim()}`);
  }

  #checkOurs(spec: HostNetworkSpec, link: LinkFacts): void {
    if (link.ifalias === this.#mark(spec) && link.linkinfo?.info_kind === 'bridge') return;
    const owner = link.ifalias === undefined ? '' : ` (it is '${link.ifalias}')`;
    throw new HypervisorFault(
      'failed',
      `network ${spec.id} needs a bridge named ${spec.bridge}, but a device of that name is there ` +
        `and is not ours${owner}; if nothing uses it, remove it: ip link del ${spec.bridge}`,
    );
  }

  async #checkOverlap(spec: HostNetworkSpec): Promise<void> {
    const { stdout } = await this.#run(['ip', '-j', '-4', 'route', 'show']);
    const routes = JSON.parse(stdout === '' ? '[]' : stdout) as RouteFacts[];
    const direct = routes.filter(
      (route) => route.gateway === undefined && route.dev !== spec.bridge,
    );
    for (const { cidr } of spec.subnets) {
      const network = parseIpv4Network(cidr);
      const found = direct.find(({ dst }) => {
        const other = parseIpv4Network(dst.includes('/') ? dst : `${dst}/32`);
        return network !== undefined && other !== undefined && overlapsIpv4(network, other);
      });
      if (found === undefined) continue;
      const message = `subnet ${cidr} overlaps ${found.dst}, which this host reaches through ${found.dev}`;
      throw new HypervisorFault('failed', message);
    }
  }

  /** A bridge takes over the lowest MAC of its ports unless it has its own; guests would lose their gateway. */
  #describeLink(spec: HostNetworkSpec): string {
    const mac = ['02', ...(spec.id.slice(0, 8).match(/../g) ?? []), spec.id.slice(9, 11)].join(':');
    return (
      `link set dev ${spec.bridge} address ${mac} mtu ${spec.mtu} addrgenmode none ` +
      `alias ${this.#mark(spec)} up`
    );
  }

  #mark(spec: HostNetworkSpec): string {
    return `kilonova:${this.#cloudId}:${spec.id}`;
  }

  async #batch(commands: readonly string[]): Promise<void> {
    await this.#run(['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  }
}

function presentAddresses(link: LinkFacts | undefined): readonly string[] {
  return (link?.addr_info ?? [])
    .filter(({ family }) => family === 'inet')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

function missingAddresses(spec: HostNetworkSpec, link: LinkFacts | undefined): readonly string[] {
  const present = presentAddresses(link);
  return addressesOf(spec).filter((address) => !present.includes(address));
}

function isReady(spec: HostNetworkSpec, link: LinkFacts | undefined): boolean {
  return link !== undefined && link.mtu === spec.mtu && link.flags.includes('UP');
}

/** The host is the gateway of every subnet that names one; elsewhere it stands under the metadata address only. */
function addressesOf(spec: HostNetworkSpec): readonly string[] {
  const gateways = spec.subnets.flatMap(({ cidr, gateway }) =>
    gateway === undefined ? [] : [`${gateway}${cidr.slice(cidr.indexOf('/'))}`],
  );
  const isolated = spec.subnets.some(({ gateway }) => gateway === undefined);
  return isolated && servesDhcp(spec) ? [...gateways, `${metadataAddress}/32`] : gateways;
}

/** Subnets that no address of the bridge makes reachable. */
function routesOf(spec: HostNetworkSpec): readonly string[] {
  return spec.subnets.flatMap(({ cidr, gateway, dhcp }) =>
    gateway === undefined && dhcp ? [cidr] : [],
  );
}
