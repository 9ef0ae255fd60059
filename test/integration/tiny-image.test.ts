// The tiny image, built from Debian's packages and booted for real: what docs/tiny-image.md promises, seen from outside.
// Needs root, apt, qemu, ssh and genisoimage. Boot times are printed, not judged.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildTinyImage, type TinyImage } from '#cli/tiny-image/build.ts';
import { startGuest, type GuestOptions, type TinyGuest } from './tiny-guest.ts';

const directory = mkdtempSync(join(tmpdir(), 'kilonova-tiny-'));
const guests: TinyGuest[] = [];
let server: Server | undefined;
let image: TinyImage;
let firstKey: string;
let secondKey: string;

const buildOptions = (onProgress: (line: string) => void) => ({
  outputDirectory: join(directory, 'images'),
  cacheDirectory: join(directory, 'cache'),
  onProgress,
});

beforeAll(async () => {
  image = await buildTinyImage(buildOptions(() => {}));
  firstKey = makeKey('first');
  secondKey = makeKey('second');
}, 300_000);

afterEach(async () => {
  // The next guest is another machine behind another port.
  rmSync(join(directory, 'known_hosts'), { force: true });
  for (const guest of guests.splice(0)) await guest.kill();
  server?.close();
  server?.closeAllConnections();
  server = undefined;
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('building', () => {
  it('gives one self-contained qcow2 that its digest and sizes describe', () => {
    const info = JSON.parse(
      execFileSync('qemu-img', ['info', '--output=json', image.path], { encoding: 'utf8' }),
    );
    const content = readFileSync(image.path);
    expect({
      format: info.format,
      backing: info['backing-filename'],
      virtualSizeBytes: info['virtual-size'],
      sizeBytes: content.length,
      sha512: createHash('sha512').update(content).digest('hex'),
    }).toEqual({
      format: 'qcow2',
      backing: undefined,
      virtualSizeBytes: image.virtualSizeBytes,
      sizeBytes: image.sizeBytes,
      sha512: image.sha512,
    });
    expect(image.sizeBytes).toBeLessThan(30e6);
  });

  it('finds a finished build of the same inputs without running anything', async () => {
    const lines: string[] = [];
    const again = await buildTinyImage(buildOptions((line) => lines.push(line)));
    expect({ again, lines }).toEqual({ again: image, lines: [] });
  });

  it('builds again when the image is not what its record says, and leaves nothing else behind', async () => {
    const outputDirectory = join(directory, 'torn');
    mkdirSync(outputDirectory);
    // No process has this number: Linux stops at 4194304.
    mkdirSync(join(directory, 'cache', 'build-9999999-killed'));
    const name = image.path.slice(dirname(image.path).length + 1);
    const record = readFileSync(image.path.replace(/qcow2$/, 'json'));
    writeFileSync(join(outputDirectory, name.replace(/qcow2$/, 'json')), record);
    writeFileSync(join(outputDirectory, name), 'torn');
    const again = await buildTinyImage({ ...buildOptions(() => {}), outputDirectory });
    const content = readFileSync(again.path);
    expect(again).toEqual({
      path: join(outputDirectory, name),
      sha512: createHash('sha512').update(content).digest('hex'),
      sizeBytes: content.length,
      virtualSizeBytes: image.virtualSizeBytes,
    });
    expect(content.length).toBeGreaterThan(1e7);
    expect({
      output: readdirSync(outputDirectory).toSorted(),
      cache: readdirSync(join(directory, 'cache')),
    }).toEqual({ output: [name.replace(/qcow2$/, 'json'), name], cache: ['packages'] });
  }, 300_000);
});

describe('a guest with a metadata service', () => {
  it('becomes what the metadata says, once, and stays it over restarts and a pulled plug', async () => {
    const disk = makeDisk('service');
    const metadataPort = await serve(openstackTree('a1', ['first', 'second']));
    const options = { disk, machine: 'pc', memoryMiB: 128, metadataPort } as const;
    const guest = await boot(options);
    const loginMs = await guest.printed('name-a1 login: ');
    process.stdout.write(
      `tiny image: login prompt ${(loginMs / 1000).toFixed(1)} s after qemu's start\n`,
    );
    expect(banner(guest.console())).toEqual({
      hostname: 'name-a1',
      'instance id': 'id-a1',
      metadata: 'http://169.254.169.254/openstack/latest',
      address: expect.stringMatching(/^eth0 169\.254\.0\.15\/16 52:54:00:12:34:56 \(DHCP\)$/),
      gateway: expect.stringContaining('eth0'),
      'ssh host key': expect.stringMatching(/^SHA256:[\w+/]{43} \(ED25519\)$/),
      'ssh keys': '3 for root',
      'user data': 'ran, exit status 3',
    });
    expect(guest.console()).toContain('user data speaks: /root');

    const kept = 'cat /root/runs; cat /root/mark; hostname; cat /root/.ssh/authorized_keys | wc -l';
    await guest.ssh(firstKey, 'echo persistent > /root/mark; sync');
    expect(await guest.ssh(secondKey, kept)).toBe('run\npersistent\nname-a1\n3\n');
    await guest.ssh(firstKey, 'reboot');
    await guest.printed('name-a1 login: ', 2);
    expect(banner(guest.console())['user data']).toBe('not run now: exit status 3');
    expect(await guest.ssh(firstKey, kept)).toBe('run\npersistent\nname-a1\n3\n');
    await guest.qmp('system_powerdown');
    expect(await guest.ended()).toBe(0);

    const restarted = await boot(options);
    await restarted.printed('name-a1 login: ');
    expect(await restarted.ssh(firstKey, kept)).toBe('run\npersistent\nname-a1\n3\n');
    expect(banner(restarted.console())['ssh host key']).toBe(
      banner(guest.console())['ssh host key'],
    );

    await restarted.ssh(firstKey, 'echo after >> /root/mark; sync');
    await restarted.kill();
    const unplugged = await boot(options);
    await unplugged.printed('name-a1 login: ');
    expect(await unplugged.ssh(firstKey, kept)).toBe('run\npersistent\nafter\nname-a1\n3\n');
  }, 600_000);

  it('starts anew as another instance when its disk was copied (ec2 tree, q35)', async () => {
    const disk = makeDisk('copied');
    const first = await boot({
      disk,
      machine: 'q35',
      memoryMiB: 96,
      metadataPort: await serve(openstackTree('b1', ['first'])),
    });
    await first.printed('name-b1 login: ');
    await first.qmp('system_powerdown');
    expect(await first.ended()).toBe(0);
    server?.close();

    const second = await boot({
      disk,
      machine: 'q35',
      memoryMiB: 96,
      metadataPort: await serve(ec2Tree('b2', ['second'])),
    });
    await second.printed('name-b2 login: ');
    const banners = [banner(first.console()), banner(second.console())];
    expect(banners[1]).toMatchObject({
      'instance id': 'i-b2',
      metadata: 'http://169.254.169.254/2009-04-04',
      'ssh keys': '1 for root',
      'user data': 'ran, exit status 0',
    });
    expect(banners[1]?.['ssh host key']).not.toBe(banners[0]?.['ssh host key']);
    expect(await second.ssh(secondKey, 'cat /root/runs')).toBe('run\nec2\n');
    await expect(second.ssh(firstKey, 'true')).rejects.toThrow('Permission denied');
  }, 600_000);

  it('takes disks and interfaces that are plugged in while it runs', async () => {
    const guest = await boot({
      disk: makeDisk('hotplug'),
      machine: 'pc',
      memoryMiB: 128,
      metadataPort: await serve(openstackTree('c1', ['first'])),
    });
    await guest.printed('name-c1 login: ');
    const volume = makeDisk('volume');
    await guest.qmp('blockdev-add', {
      driver: 'qcow2',
      'node-name': 'volume',
      file: { driver: 'file', filename: volume },
    });
    await guest.qmp('device_add', { driver: 'virtio-blk-pci', drive: 'volume', id: 'd1' });
    await guest.qmp('netdev_add', { type: 'user', id: 'n1', net: '10.9.8.0/24' });
    await guest.qmp('device_add', { driver: 'virtio-net-pci', netdev: 'n1', id: 'e1' });
    const there = 'until [ -b /dev/vdb2 ] && ip -4 -o addr show eth1 | grep -o "10.9.8.[0-9]*/24"';
    expect(await guest.ssh(firstKey, polled(there))).toBe('10.9.8.15/24\n');
  }, 600_000);

  it('reads any JSON, and says so when it is not JSON', async () => {
    const guest = await boot({
      disk: makeDisk('json'),
      machine: 'pc',
      memoryMiB: 128,
      metadataPort: await serve(openstackTree('d1', ['first'])),
    });
    await guest.printed('name-d1 login: ');
    const text =
      '{"a.b": [{}, [], {"c\\"\\\\\\/": "\\ud83d\\ude00\\u00e9\\tx\\ny"}, null, -1.5e+3, true],\n"z":""}';
    const parse = 'awk -f /lib/kilonova/json.awk';
    expect(await guest.ssh(firstKey, parse, text)).toBe(
      'a.b.2.c"\\/\t😀é x y\na.b.4\t-1500\na.b.5\ttrue\nz\t\n'.replace('-1500', '-1.5e+3'),
    );
    for (const broken of ['', '{"a":', '{"a" 1}', '["x', '{} {}', 'nul']) {
      await expect(guest.ssh(firstKey, parse, broken)).rejects.toThrow('json: ');
    }
  }, 600_000);
});

describe('a guest with a config drive', () => {
  it.each([
    { machine: 'pc', bus: 'ide', device: '/dev/sr0' },
    { machine: 'q35', bus: 'virtio', device: '/dev/vdb' },
  ] as const)(
    'takes everything from $device, fixed addresses included, in 64 MiB and fills a larger disk',
    async ({ machine, bus, device }) => {
      const guest = await boot({
        disk: makeDisk(`drive-${machine}`, 1024),
        machine,
        memoryMiB: 64,
        address: '10.0.2.77',
        configDrive: { path: makeConfigDrive('e1'), bus },
      });
      await guest.printed('name-e1 login: ');
      expect(banner(guest.console())).toMatchObject({
        hostname: 'name-e1',
        'instance id': 'id-e1',
        metadata: `config drive ${device}`,
        address: 'eth0 10.0.2.77/24 52:54:00:12:34:56 (config drive)',
        gateway: '10.0.2.2 on eth0',
        'user data': 'not run now: unsupported: #cloud-config',
      });
      const grown = 'until [ "$(df -m / | awk "END { print \\$2 }")" -gt 900 ]';
      const seen = await guest.ssh(
        firstKey,
        `cat /etc/resolv.conf; ${polled(grown)}; dmesg | grep -ci "out of memory" || true`,
      );
      expect(seen).toBe('nameserver 10.0.2.3\n0\n');
    },
    600_000,
  );
});

describe('a guest without any metadata', () => {
  it('says so and still gives a login on the console', async () => {
    const guest = await boot({ disk: makeDisk('none'), machine: 'pc', memoryMiB: 128 });
    await guest.printed('tiny login: ');
    expect(banner(guest.console())).toMatchObject({
      hostname: 'tiny',
      'instance id': 'unknown',
      metadata: 'none: no config drive, and 169.254.169.254 gave none',
      'ssh keys': '0 for root',
      'user data': 'none',
    });
  }, 600_000);
});

/** A guest's loop that ends with status 9 when the condition doesn't come true in about 30 s. */
function polled(until: string): string {
  return `n=0; ${until}; do n=$((n + 1)); [ $n -lt 300 ] || exit 9; usleep 100000; done`;
}

async function boot(options: Omit<GuestOptions, 'directory'>): Promise<TinyGuest> {
  const guest = await startGuest({ directory, ...options });
  guests.push(guest);
  return guest;
}

/** The last banner on the console: 13 columns of name, then the value. */
function banner(text: string): Record<string, string> {
  const lines = (text.split('== Kilonova tiny image').at(-1) ?? '').split(/\r?\n/);
  const rows = lines.slice(1, lines.indexOf('=='));
  return Object.fromEntries(rows.map((row) => [row.slice(1, 14).trimEnd(), row.slice(15)]));
}

function makeKey(name: string): string {
  const path = join(directory, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path]);
  return path;
}

const publicKey = (name: string) => readFileSync(join(directory, `${name}.pub`), 'utf8');

/** An overlay, as servers have one. */
function makeDisk(name: string, mebibytes?: number): string {
  const path = join(directory, `${name}.qcow2`);
  const size = mebibytes === undefined ? [] : [`${mebibytes}M`];
  execFileSync('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-F',
    'qcow2',
    '-b',
    image.path,
    path,
    ...size,
  ]);
  return path;
}

type Tree = Readonly<Record<string, string>>;

/** The first key's value holds two lines and a comment that needs every kind of escape. */
function metaData(name: string, keys: readonly string[]): string {
  const [first = '', ...others] = keys.map(publicKey);
  const odd = `${first.trim()} "quoted" \\ back/slash \u{1f600} é\n${first.trim().replace(/\S+$/, 'again')}\n`;
  const entries = [odd, ...others].map((value, index) => [`key.${index}`, value]);
  return JSON.stringify({
    uuid: `id-${name}`,
    hostname: `name-${name}.novalocal`,
    public_keys: Object.fromEntries(entries),
    random_seed: 'A'.repeat(684),
    devices: [],
    dedicated_cpus: null,
  });
}

function openstackTree(name: string, keys: readonly string[]): Tree {
  return {
    '/openstack/latest/meta_data.json': metaData(name, keys),
    '/openstack/latest/user_data':
      '#!/bin/sh\necho "user data speaks: $HOME"\necho run >> /root/runs\nexit 3\n',
  };
}

function ec2Tree(name: string, keys: readonly string[]): Tree {
  const index = keys.map((key, at) => `${at}=${key}`).join('\n');
  const texts = keys.map((key, at) => [
    `/2009-04-04/meta-data/public-keys/${at}/openssh-key`,
    publicKey(key),
  ]);
  return {
    '/2009-04-04/meta-data/instance-id': `i-${name}`,
    '/2009-04-04/meta-data/local-hostname': `name-${name}`,
    '/2009-04-04/meta-data/public-keys/': index,
    '/2009-04-04/user-data': '#!/bin/sh\necho ec2 >> /root/runs\n',
    ...Object.fromEntries(texts),
  };
}

/** Serves the tree, 404 for the rest; resolves with the port. */
async function serve(tree: Tree): Promise<number> {
  server = createServer((request, response) => {
    const text = tree[request.url ?? ''];
    response.writeHead(text === undefined ? 404 : 200, { connection: 'close' }).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

function makeConfigDrive(name: string): string {
  const tree = join(directory, `drive-${name}`, 'openstack', 'latest');
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'meta_data.json'), metaData(name, ['first']));
  writeFileSync(join(tree, 'user_data'), '#cloud-config\nhostname: other\n');
  const link = { id: 'tap1', type: 'bridge', mtu: 1450, ethernet_mac_address: '52:54:00:12:34:56' };
  const network = {
    id: 'network0',
    link: 'tap1',
    type: 'ipv4',
    ip_address: '10.0.2.77',
    netmask: '255.255.255.0',
    routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.2.2' }],
  };
  const services = [{ type: 'dns', address: '10.0.2.3' }];
  writeFileSync(
    join(tree, 'network_data.json'),
    JSON.stringify({ links: [link], networks: [network], services }),
  );
  const iso = join(directory, `drive-${name}.iso`);
  execFileSync('genisoimage', [
    '-quiet',
    '-J',
    '-r',
    '-V',
    'config-2',
    '-o',
    iso,
    dirname(dirname(tree)),
  ]);
  return iso;
}
