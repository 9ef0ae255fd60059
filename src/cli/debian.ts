// Debian packages that Kilonova needs on a host: what for, how to tell that they are there, and how to get them.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { tinyImagePackages } from './tiny-image/build.ts';

export interface Need {
  readonly package: string;
  /** A file that the package brings: a program by name, or an absolute path. */
  readonly proof: string;
  readonly purpose: string;
}

const hostNeeds: readonly Need[] = [
  {
    package: 'libvirt-daemon-system',
    proof: '/etc/libvirt/qemu.conf',
    purpose: 'libvirt settings',
  },
  { package: 'libvirt-daemon', proof: 'libvirtd', purpose: 'owns the guests' },
  { package: 'libvirt-clients', proof: 'virsh', purpose: 'lets people look at the guests' },
  { package: 'qemu-system-x86', proof: 'qemu-system-x86_64', purpose: 'runs the guests' },
  { package: 'qemu-utils', proof: 'qemu-img', purpose: 'checks images and makes disks' },
  { package: 'dnsmasq-base', proof: 'dnsmasq', purpose: 'gives guests their addresses' },
  {
    package: 'nftables',
    proof: 'nft',
    purpose: 'translates addresses and leads to the metadata service',
  },
  { package: 'iproute2', proof: 'ip', purpose: 'makes bridges' },
  { package: 'iputils-ping', proof: 'ping', purpose: 'lets people see that a guest answers' },
];

const testNeeds: readonly Need[] = [
  {
    package: 'python3-openstackclient',
    proof: 'openstack',
    purpose: 'the real client in the end-to-end test',
  },
  {
    package: 'python3-osc-placement',
    proof: '/usr/lib/python3/dist-packages/osc_placement/__init__.py',
    purpose: 'the placement commands of the real client',
  },
  {
    package: 'python3-tempest',
    proof: '/usr/lib/python3/dist-packages/tempest/__init__.py',
    purpose: 'the OpenStack integration suite, a part of which runs here',
  },
  { package: 'openssh-client', proof: 'ssh', purpose: 'logs in to guests' },
  { package: 'genisoimage', proof: 'isoinfo', purpose: 'checks config drives' },
  { package: 'openssl', proof: 'openssl', purpose: 'makes certificates for TLS tests' },
  { package: 'busybox-static', proof: 'busybox', purpose: 'a DHCP client in network tests' },
  {
    package: 'redis-server',
    proof: 'redis-server',
    purpose: 'stores of clusters in tests',
  },
  { package: 'procps', proof: 'pgrep', purpose: 'finds processes' },
];

/** What a real hypervisor host needs, and the tiny image's builder; with `tests`, what the test suites need as well. */
export function missingNeeds(options: { readonly tests: boolean }): readonly Need[] {
  const imageNeeds = Object.entries(tinyImageProofs)
    .filter(([name]) => tinyImagePackages.includes(name))
    .map(([name, proof]): Need => ({ package: name, proof, purpose: 'builds the tiny image' }));
  const needs = [...hostNeeds, ...imageNeeds, ...(options.tests ? testNeeds : [])];
  return needs.filter((need) => !isThere(need.proof));
}

const tinyImageProofs: Readonly<Record<string, string>> = { e2fsprogs: 'mke2fs' };

export function isThere(proof: string): boolean {
  const paths = proof.startsWith('/')
    ? [proof]
    : ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'].map(
        (directory) => `${directory}/${proof}`,
      );
  return paths.some((path) => {
    try {
      accessSync(path, constants.F_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs what is missing, as root on Debian; throws in words otherwise. */
export async function installNeeds(
  missing: readonly Need[],
  say: (line: string) => void,
): Promise<void> {
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((need) => need.package))];
  say(`installing Debian packages: ${names.join(' ')} …`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], environment);
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], environment);
  const still = missing.filter((need) => !isThere(need.proof));
  if (still.length > 0)
    throw new Error(
      `apt-get installed ${names.join(' ')}, but these are still missing: ${still.map((need) => need.proof).join(', ')}`,
    );
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`));
    });
  });
}
