// The security groups of servers, which are those of their ports: their names, kept until something changes, and the
// command that gives a server another group or takes one away. A port that is changed elsewhere is seen here, too.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { FoundPort, NetworkIndex } from './network-index.ts';
import { onPortChanges } from './port-changes.ts';
import { networks } from './protocol.ts';
import type { SecurityGroups } from './security-groups.ts';
import type { NetworkState } from './state.ts';
import type { TenancyState } from './tenancy-state.ts';

export interface GroupChange {
  readonly serverId: string;
  readonly groupId: string;
  readonly how: 'add' | 'remove';
  readonly requestId: string;
}

export class ServerGroups {
  readonly #router: Router;
  readonly #env: Env;
  readonly #index: NetworkIndex;
  readonly #groups: SecurityGroups;
  /** By server; dropped when one of its ports changes. */
  readonly #names = new Map<string, readonly string[]>();

  constructor(options: {
    readonly router: Router;
    readonly env: Env;
    readonly index: NetworkIndex;
    readonly groups: SecurityGroups;
    readonly networks: StateView<NetworkState>;
    readonly tenancies: StateView<TenancyState>;
  }) {
    this.#router = options.router;
    this.#env = options.env;
    this.#index = options.index;
    this.#groups = options.groups;
    onPortChanges(options.networks, (deviceId) => {
      if (deviceId === undefined) this.#names.clear();
      else this.#names.delete(deviceId);
    });
    options.tenancies.subscribe(({ before, after }) => {
      if (before?.groups !== after.groups) this.#names.clear();
    });
  }

  /** Undefined for a server without ports. The same list as before while nothing has changed. */
  namesOf(serverId: string): readonly string[] | undefined {
    const known = this.#names.get(serverId);
    if (known !== undefined) return known;
    const ports = this.#index.portsOfDevice(serverId);
    if (ports.length === 0) return undefined;
    const ids = new Set(ports.flatMap(({ port }) => port.securityGroups));
    const names = [...ids].flatMap((id) => this.#groups.find(id)?.group.name ?? []);
    this.#names.set(serverId, names);
    return names;
  }

  /**
   * On every port of the server. Refusals: server-without-ports, group-not-applicable (a port without security or
   * addresses), group-not-on-server, and those of the network. A repeat changes nothing.
   */
  async change(change: GroupChange): Promise<Refusal | undefined> {
    const { serverId, groupId, how } = change;
    const ports = this.#index.portsOfDevice(serverId);
    if (ports.length === 0) return refuse('server-without-ports', { serverId });
    const isOn = ({ port }: FoundPort): boolean => port.securityGroups.includes(groupId);
    if (how === 'remove' && !ports.some(isOn))
      return refuse('group-not-on-server', { serverId, groupId });
    for (const found of ports) {
      if (isOn(found) === (how === 'add')) continue;
      if (how === 'add' && !(found.port.portSecurity && found.port.fixedIps.length > 0))
        return refuse('group-not-applicable', { portId: found.port.id });
      const refused = await this.#changePort(found, change);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  async #changePort(
    { network, port }: FoundPort,
    { groupId, how, requestId }: GroupChange,
  ): Promise<Refusal | undefined> {
    const others = port.securityGroups.filter((id) => id !== groupId);
    const answer = await this.#router.ask(
      networks.ref(network.id),
      {
        type: 'network.change-port',
        portId: port.id,
        attributes: { securityGroups: how === 'add' ? [...others, groupId] : others },
        changeId: this.#env.random.uuid(),
      },
      { requestId },
    );
    return isRefusal(answer) ? answer : undefined;
  }
}
