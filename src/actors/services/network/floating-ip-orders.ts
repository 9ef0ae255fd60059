// Makes floating addresses, lets them stand for a port's address, and gives them back. Each is one command to the
// external network, so that none is half made. For the network API and for compute's old calls alike.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { FloatingIp, FloatingIps } from './floating-ips.ts';
import { randomMacs } from './macs.ts';
import type { NetworkIndex } from './network-index.ts';
import { FLOATING_OWNER, networks, type PortRecord } from './protocol.ts';

export interface FloatingTarget {
  readonly portId: string;
  /** Without it the port's one IPv4 address. */
  readonly fixedAddress: string | undefined;
}

export interface NewFloatingIp {
  readonly projectId: string;
  readonly networkId: string;
  readonly description: string;
  /** A particular one, for administrators. */
  readonly address?: string;
  readonly subnetId?: string;
  readonly target?: FloatingTarget;
  readonly requestId: string;
}

interface OrdersOptions {
  readonly router: Router;
  readonly env: Env;
  readonly index: NetworkIndex;
  readonly floatingIps: FloatingIps;
  /** −1 is unlimited. */
  readonly quotaOf: (projectId: string) => number;
}

type Floating = NonNullable<PortRecord['floating']>;

export class FloatingIpOrders {
  readonly #options: OrdersOptions;

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /**
   * Refusals: network-not-found, network-not-external, network-quota, those of a target (port-not-found, floating-…), and
   * those of making a port.
   */
  async create(wanted: NewFloatingIp): Promise<FloatingIp | Refusal> {
    const { router, env, index, floatingIps } = this.#options;
    const { projectId, networkId, requestId, target, address, subnetId } = wanted;
    const network = index.network(networkId);
    if (network === undefined) return refuse('network-not-found', { networkId });
    if (!network.attributes.external) return refuse('network-not-external', { networkId });
    const quota = this.#options.quotaOf(projectId);
    const used = floatingIps.count(projectId);
    if (quota >= 0 && used >= quota)
      return refuse('network-quota', { resource: 'floatingip', quota, used });
    const floating = target === undefined ? undefined : this.#resolve(target, networkId);
    if (isRefusal(floating)) return floating;
    const id = env.random.uuid();
    const answer = await router.ask(
      networks.ref(networkId),
      {
        type: 'network.create-port',
        portId: env.random.uuid(),
        projectId,
        attributes: {
          name: '',
          description: wanted.description,
          adminUp: true,
          deviceId: id,
          deviceOwner: FLOATING_OWNER,
          securityGroups: [],
          portSecurity: false,
          addressPairs: [],
          vnicType: 'normal',
          host: '',
          profile: '{}',
        },
        ownedByDevice: false,
        tags: [],
        macs: randomMacs(env.random),
        ...(address === undefined && subnetId === undefined
          ? {}
          : { addresses: [{ ...(address && { address }), ...(subnetId && { subnetId }) }] }),
        ...(floating === undefined ? {} : { floating }),
        changeId: env.random.uuid(),
      },
      { requestId },
    );
    if (isRefusal(answer)) return answer;
    return floatingIps.find(id) ?? refuse('floating-not-found', { floatingIpId: id });
  }

  /** Undefined as target: it stands for nothing any more. Undefined when it is done. */
  async change(
    { found, networkId }: FloatingIp,
    change: {
      readonly target?: FloatingTarget | undefined;
      readonly description?: string;
      readonly requestId: string;
    },
  ): Promise<Refusal | undefined> {
    const { target, description, requestId } = change;
    const floating = target === undefined ? null : this.#resolve(target, networkId);
    if (isRefusal(floating)) return floating;
    const answer = await this.#options.router.ask(
      networks.ref(networkId),
      {
        type: 'network.change-port',
        portId: found.port.id,
        attributes: description === undefined ? {} : { description },
        ...(Object.hasOwn(change, 'target') ? { floating } : {}),
        changeId: this.#options.env.random.uuid(),
      },
      { requestId },
    );
    return isRefusal(answer) ? answer : undefined;
  }

  async release({ found, networkId }: FloatingIp, requestId: string): Promise<Refusal | undefined> {
    const answer = await this.#options.router.ask(
      networks.ref(networkId),
      {
        type: 'network.delete-port',
        portId: found.port.id,
        changeId: this.#options.env.random.uuid(),
      },
      { requestId },
    );
    return isRefusal(answer) ? answer : undefined;
  }

  #resolve(target: FloatingTarget, externalId: string): Floating | Refusal {
    const { portId, fixedAddress } = target;
    const { index, floatingIps } = this.#options;
    const port = index.port(portId)?.port;
    if (port === undefined) return refuse('port-not-found', { portId });
    const own = port.fixedIps.filter(({ address }) => !address.includes(':'));
    const [first, ...more] = own;
    if (first === undefined) return refuse('floating-no-address', { portId });
    if (fixedAddress === undefined && more.length > 0)
      return refuse('floating-several', { portId });
    const chosen = own.find(({ address }) => address === (fixedAddress ?? first.address));
    if (chosen === undefined) return refuse('floating-not-own', { portId, address: fixedAddress });
    const { subnetId, address } = chosen;
    const routerId = floatingIps.routerBetween(subnetId, externalId);
    if (routerId === undefined)
      return refuse('floating-unreachable', { networkId: externalId, subnetId, portId });
    return { portId, address, routerId };
  }
}
