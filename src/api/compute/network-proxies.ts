// What compute's old network calls are passed on to: the network service's networks, groups and floating addresses.
// Embedded in embedded-network-proxies.ts; a real Neutron can stand behind the same interface.
import type { Caller } from '#actors/ports/identity.ts';
import type { NetworkRecord } from '#actors/ports/networks.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import type { SecurityGroupRecord } from './context.ts';

export interface FloatingAddress {
  readonly id: string;
  readonly projectId: string;
  /** The external network's name. */
  readonly pool: string;
  readonly address: string;
  readonly fixedAddress: string | undefined;
  readonly serverId: string | undefined;
}

export interface GroupRule {
  readonly groupId: string;
  readonly protocol: string | undefined;
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly cidr: string | undefined;
  readonly remoteGroupId: string | undefined;
}

type Done = Promise<Refusal | undefined>;

export interface NetworkProxies {
  /** That the caller sees. */
  networks(caller: Caller): readonly NetworkRecord[];
  pools(): readonly NetworkRecord[];
  floatingAddresses(projectId: string): readonly FloatingAddress[];
  findFloating(id: string): FloatingAddress | undefined;
  allocate(
    networkId: string,
    projectId: string,
    requestId: string,
  ): Promise<FloatingAddress | Refusal>;
  release(id: string, requestId: string): Done;
  /** Lets it stand for an address of a port, or for nothing. */
  associate(
    id: string,
    target: { readonly portId: string; readonly fixedAddress: string } | undefined,
    requestId: string,
  ): Done;
  /** With the default one, which is made when it is missing. */
  groups(projectId: string, requestId: string): Promise<readonly SecurityGroupRecord[]>;
  /** Of every project. */
  allGroups(): readonly SecurityGroupRecord[];
  createGroup(
    group: { readonly projectId: string; readonly name: string; readonly description: string },
    requestId: string,
  ): Promise<SecurityGroupRecord | Refusal>;
  changeGroup(
    group: Pick<SecurityGroupRecord, 'id' | 'projectId' | 'name' | 'description'>,
    requestId: string,
  ): Done;
  removeGroup(group: Pick<SecurityGroupRecord, 'id' | 'projectId'>, requestId: string): Done;
  /** Answers with the rule's id. */
  addRule(projectId: string, rule: GroupRule, requestId: string): Promise<string | Refusal>;
  /** The group that has it. */
  groupOfRule(ruleId: string): SecurityGroupRecord | undefined;
  removeRule(projectId: string, ruleId: string, requestId: string): Done;
}
