// What a lab is made of: its machines with their names, addresses and directories. Pure; network.ts, namespaces.ts and
// machine.ts make it real. A lab is described in `lab.json` of its directory before anything of it is made.
import { join } from 'node:path';

/** Where guests' disks are: one directory that all hosts see, one each, or one each beside a disk that all hosts see. */
export type LabStorage = 'shared' | 'local' | 'lun';
export type MachineKind = 'store' | 'controller' | 'host';

export interface LabMachine {
  /** `store`, `c1`, `h1` …; also its host name. */
  readonly name: string;
  readonly kind: MachineKind;
  readonly address: string;
  /** Hosts: what its libvirtd calls itself. */
  readonly hostUuid?: string;
}

/** From one machine to another: what `from` sends to `to` is lost. */
export interface Cut {
  readonly from: string;
  readonly to: string;
}

export interface Lab {
  readonly version: 1;
  /** Tells it from other labs on this machine: four hex digits. */
  readonly id: string;
  readonly directory: string;
  /** First three bytes of all addresses: `10.213.7`. */
  readonly subnet: string;
  readonly storage: LabStorage;
  readonly machines: readonly LabMachine[];
}

export const apiPort = 8774;
export const peerPort = 4001;
export const redisPort = 6379;
export const libvirtPort = 16_509;

export const MOST_HOSTS = 16;
export const MOST_CONTROLLERS = 5;

export function planLab(wish: {
  readonly id: string;
  readonly directory: string;
  readonly subnet: string;
  readonly storage: LabStorage;
  readonly hosts: number;
  readonly controllers: number;
  readonly newUuid: () => string;
}): Lab {
  const { id, directory, subnet, storage, newUuid } = wish;
  const machines: LabMachine[] = [{ name: 'store', kind: 'store', address: `${subnet}.2` }];
  for (let index = 1; index <= wish.controllers; index += 1)
    machines.push({ name: `c${index}`, kind: 'controller', address: `${subnet}.${10 + index}` });
  for (let index = 1; index <= wish.hosts; index += 1)
    machines.push({
      name: `h${index}`,
      kind: 'host',
      address: `${subnet}.${100 + index}`,
      hostUuid: newUuid(),
    });
  return { version: 1, id, directory, subnet, storage, machines };
}

/** This machine's own end of the lab's network, and the address it has there. */
export function outsideOf(lab: Lab): { readonly device: string; readonly address: string } {
  return { device: `kl-${lab.id}`, address: `${lab.subnet}.1` };
}

export function machinesOf(lab: Lab, kind: MachineKind): readonly LabMachine[] {
  return lab.machines.filter((machine) => machine.kind === kind);
}

/** Throws in words. */
export function machineNamed(lab: Lab, name: string): LabMachine {
  const found = lab.machines.find((machine) => machine.name === name);
  if (found !== undefined) return found;
  const names = lab.machines.map((machine) => machine.name).join(', ');
  throw new Error(`the lab has no machine ${name}: it has ${names}`);
}

export function apiUrlOf(machine: LabMachine): string {
  return `http://${machine.address}:${apiPort}`;
}

export const redisUrlOf = (lab: Lab): string =>
  `redis://${machineNamed(lab, 'store').address}:${redisPort}`;

/** Of all machines, for their /etc/hosts. */
export function hostsFileOf(lab: Lab): string {
  const lines = lab.machines.map(({ address, name }) => `${address} ${name}\n`);
  return `127.0.0.1 localhost\n::1 localhost\n${lines.join('')}`;
}

/**
 * Directories of a machine. It sees its own one as `self`, so that paths are the same on all machines; `outside` is
 * the same directory as everybody else sees it.
 */
export function directoriesOf(
  lab: Lab,
  name: string,
): { readonly self: string; readonly outside: string } {
  return { self: join(lab.directory, 'self'), outside: join(lab.directory, 'machines', name) };
}

/** The directory that hosts with shared storage have their guests' disks in. */
export const sharedDirectoryOf = (lab: Lab): string => join(lab.directory, 'shared');

/** The file behind every host's disk `lun`. */
export const lunFileOf = (lab: Lab): string => join(lab.directory, 'lun.img');
