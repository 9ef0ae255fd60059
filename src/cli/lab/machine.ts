// Switches a machine of the lab on: namespaces, and the mounts that make it a host of its own. Its directory is seen under
// the same path on all machines, so that what one host calls a disk is a disk of the same name on another. What runs
// on it is programs.ts's matter.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openNamespaces } from './namespaces.ts';
import { plugMachine, wireOf } from './network.ts';
import {
  directoriesOf,
  hostsFileOf,
  type Lab,
  type LabMachine,
  libvirtPort,
  lunFileOf,
  sharedDirectoryOf,
} from './plan.ts';
import { run } from './run.ts';
import { type Init, saveInit } from './state.ts';

/** Directories of libvirt's that each host has of its own, under names of ours. */
const LIBVIRT_DIRECTORIES: Readonly<Record<string, string>> = {
  etc: '/etc/libvirt',
  lib: '/var/lib/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
};
const RUN_SIZE = 'size=64m';

/** The disk that all hosts of a lab with `lun` storage see, at this path on each. */
export const lunPathOf = (lab: Lab, name: string): string =>
  join(directoriesOf(lab, name).self, 'lun');

/** Resolves when the machine is on the wire; nothing of ours runs on it yet. */
export async function switchOn(lab: Lab, machine: LabMachine): Promise<Init> {
  const { outside } = directoriesOf(lab, machine.name);
  const isHost = machine.kind === 'host';
  mkdirSync(join(outside, 'data', 'host', 'instances'), { recursive: true });
  if (isHost) prepareLibvirt(outside, machine);
  if (isHost && lab.storage === 'lun') await attachLun(lab, machine);
  const init = await openNamespaces({
    directory: outside,
    script: [...commonMounts(lab, machine), ...(isHost ? hostMounts(lab, machine) : [])],
    within: wireOf(lab),
    onInit: (started) => saveInit(lab, machine.name, started),
  });
  await plugMachine(lab, machine, init);
  return init;
}

function commonMounts(lab: Lab, { name }: LabMachine): readonly string[] {
  const { self, outside } = directoriesOf(lab, name);
  mkdirSync(self, { recursive: true });
  const hosts = join(outside, 'hosts');
  writeFileSync(hosts, hostsFileOf(lab));
  return [
    `echo ${name} > /proc/sys/kernel/hostname`,
    'ip link set lo up',
    // The network devices there are those of the namespace that mounted it.
    'umount --recursive --lazy /sys',
    'mount -t sysfs sysfs /sys',
    `mount -t tmpfs -o mode=755,${RUN_SIZE} tmpfs /run`,
    'mkdir -p /run/lock /run/libvirt',
    `mount --bind '${hosts}' /etc/hosts`,
    `mount --bind '${outside}' '${self}'`,
  ];
}

function hostMounts(lab: Lab, { name }: LabMachine): readonly string[] {
  const { self, outside } = directoriesOf(lab, name);
  const own = Object.entries(LIBVIRT_DIRECTORIES).map(
    ([directory, place]) => `mount --bind '${join(outside, 'libvirt', directory)}' ${place}`,
  );
  const shared = sharedDirectoryOf(lab);
  if (lab.storage === 'shared') mkdirSync(shared, { recursive: true });
  const kvm = join(outside, 'kvm');
  return [
    ...own,
    ...(lab.storage === 'shared'
      ? [`mount --bind '${shared}' '${join(self, 'data/host/instances')}'`]
      : []),
    // Without udev /dev/kvm is root's alone, and libvirt then probes QEMU anew for every single call.
    'if [ -e /dev/kvm ]; then',
    `  rm -f '${kvm}' && cp -a /dev/kvm '${kvm}' && chgrp kvm '${kvm}' && chmod 660 '${kvm}'`,
    `  mount --bind '${kvm}' /dev/kvm`,
    'fi',
  ];
}

function prepareLibvirt(outside: string, machine: LabMachine): void {
  for (const [directory, place] of Object.entries(LIBVIRT_DIRECTORIES)) {
    if (!existsSync(place))
      throw new Error(`${place} is not there: is libvirt-daemon-system installed?`);
    mkdirSync(join(outside, 'libvirt', directory), { recursive: true });
  }
  const etc = join(outside, 'libvirt', 'etc');
  // Control groups belong to the machine that the lab runs on, and would stay behind after a kill.
  const packaged = readFileSync('/etc/libvirt/qemu.conf', 'utf8');
  writeFileSync(join(etc, 'qemu.conf'), `${packaged}\ncgroup_controllers = []\n`);
  const settings = {
    host_uuid: machine.hostUuid ?? '',
    listen_tls: 0,
    listen_tcp: 1,
    listen_addr: machine.address,
    tcp_port: String(libvirtPort),
    auth_tcp: 'none',
    auth_unix_ro: 'none',
    auth_unix_rw: 'none',
    min_workers: 20,
    log_outputs: '3:file:/var/log/libvirt/libvirtd.log',
  };
  // Numbers and strings are written there as in JSON.
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
  );
  writeFileSync(join(etc, 'libvirtd.conf'), lines.join(''));
}

/** A loop device of its own over the file that is everybody's: a lock taken through one is not seen through another. */
async function attachLun(lab: Lab, { name }: LabMachine): Promise<void> {
  const node = join(directoriesOf(lab, name).outside, 'lun');
  if (existsSync(node)) return;
  const device = (await run(['losetup', '--find', '--show', lunFileOf(lab)])).trim();
  await run(['cp', '--archive', device, node]);
}

/** Lets go of every loop device over the lab's file. */
export async function detachLuns(lab: Lab): Promise<void> {
  const file = lunFileOf(lab);
  if (!existsSync(file)) return;
  const listed = await run(['losetup', '--noheadings', '--output', 'NAME', '--associated', file]);
  for (const device of listed.split('\n').filter(Boolean))
    await run(['losetup', '--detach', device]);
}
