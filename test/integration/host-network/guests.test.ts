// What guests notice of a real host's network: addresses by DHCP, metadata, the way out, and what is kept from them.
// Guests are namespaces behind veth pairs; nothing outside of the test's own namespaces is touched.

import { spawn } from 'node:child_process';
import { access, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LinuxHostNetwork } from '#hypervisor/network/linux-host-network.ts';
import type { HostNetworkSpec, HostPort } from '#hypervisor/network-port.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { networkSpec, portOn } from '#test/contract/host-network/host-network-contract.ts';
import { attempt, NetworkLab, run } from './network-lab.ts';

const env = realEnv(silentLog);
const metadataPort = 8_775;

let lab: NetworkLab;
let network: LinuxHostNetwork;
let spec: HostNetworkSpec;

beforeEach(async () => {
  lab = await NetworkLab.open();
  network = await openNetwork();
  spec = networkSpec(lab.bridge, { metadataPort });
});

afterEach(async () => {
  await network.close();
  await lab.close();
});

/** As a process of its own opens it: after `killProcess` it does nothing more, and its children live on. */
function openNetwork(recheckMs?: number): Promise<LinuxHostNetwork> {
  const process = { isAlive: true };
  const after = (delayMs: number, fn: () => void): (() => void) =>
    env.timers.after(delayMs, () => process.isAlive && fn());
  killProcess = () => (process.isAlive = false);
  const { directory, host: namespace } = lab;
  const options = { directory, cloudId: 'test', env: { ...env, timers: { after } }, namespace };
  return LinuxHostNetwork.open(recheckMs === undefined ? options : { ...options, recheckMs });
}

/** Ends the process that was opened last. */
let killProcess: () => void;

/** A plugged port with a guest behind it, which has not asked for its address yet. */
async function addGuest(
  address: string,
): Promise<{ readonly port: HostPort; readonly guest: string }> {
  const port = portOn(spec, address);
  const { tap } = await network.plug(port);
  return { port, guest: await lab.addGuest(port, tap) };
}

/** The same, with its address set by hand. */
async function addReadyGuest(address: string): Promise<{ port: HostPort; guest: string }> {
  const added = await addGuest(address);
  await lab.setAddress(added.guest, address, '10.123.0.1');
  return added;
}

async function reaches(namespace: string, address: string): Promise<boolean> {
  const ping = ['busybox', 'ping', '-c', '1', '-W', '1', address];
  for (let tries = 0; tries < 3; tries += 1) {
    const said = await attempt('ip', 'netns', 'exec', namespace, ...ping);
    if (said.includes(' 0% packet loss')) return true;
  }
  return false;
}

async function untilTrue(what: string, probe: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

async function dnsmasqPids(): Promise<readonly number[]> {
  const directory = join(lab.directory, spec.id);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.pid'));
  return Promise.all(
    names.map(async (name) => Number(await readFile(join(directory, name), 'utf8'))),
  );
}

async function leases(): Promise<string> {
  const directory = join(lab.directory, spec.id);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.leases'));
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))).join('');
}

describe('DHCP', () => {
  test('hands a known port its address, router, name server, name and MTU', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addGuest('10.123.0.5');
    const answer = await lab.askDhcp(guest);
    for (const line of [
      'ip=10.123.0.5',
      'mask=24',
      'router=10.123.0.1',
      'dns=192.0.2.53',
      'hostname=vm1',
      'mtu=1450',
      'serverid=10.123.0.1',
    ]) {
      expect(answer.split('\n')).toContain(line);
    }
    expect(await leases()).toContain('10.123.0.5');
  });

  test('gives an unknown MAC nothing', async () => {
    await network.ensureNetwork(spec);
    const stranger = { mac: 'fa:16:3e:00:00:99' };
    const guest = await lab.addGuest(stranger, 'tapstranger');
    expect(await lab.askDhcp(guest, 2)).toContain('no lease, failing');
    expect(await leases()).toBe('');
  });

  test('gives routes of the subnet, the default route among them', async () => {
    const hostRoutes = [{ destination: '10.50.0.0/16', nexthop: '10.123.0.9' }];
    spec = { ...spec, subnets: spec.subnets.map((subnet) => ({ ...subnet, hostRoutes })) };
    await network.ensureNetwork(spec);
    const { guest } = await addGuest('10.123.0.5');
    expect(await lab.askDhcp(guest)).toContain(
      'staticroutes=10.50.0.0/16 10.123.0.9 0.0.0.0/0 10.123.0.1',
    );
  });

  test('serves a subnet without router, with a route to the metadata only', async () => {
    const subnets = spec.subnets.map((subnet) => ({ ...subnet, gateway: undefined }));
    spec = { ...spec, subnets };
    await network.ensureNetwork(spec);
    const { guest } = await addGuest('10.123.0.5');
    const answer = await lab.askDhcp(guest);
    expect(answer).toContain('ip=10.123.0.5');
    expect(answer).toContain('staticroutes=169.254.169.254/32 0.0.0.0');
    expect(answer).not.toContain('router=');
  });

  test('gives an address to the next port as soon as the last one is unplugged', async () => {
    await network.ensureNetwork(spec);
    const first = await addGuest('10.123.0.5');
    expect(await lab.askDhcp(first.guest)).toContain('ip=10.123.0.5');
    await network.unplug(first.port);
    expect(await leases()).toBe('');
    const second = await addGuest('10.123.0.5');
    expect(await lab.askDhcp(second.guest)).toContain('ip=10.123.0.5');
    expect(await leases()).toContain(second.port.mac);
  });

  test('gives an unplugged port nothing any more', async () => {
    await network.ensureNetwork(spec);
    const { port, guest } = await addGuest('10.123.0.5');
    await network.unplug(port);
    await run('ip', '-n', guest, 'link', 'show');
    const again = await lab.addGuest(port, 'tapunplugged');
    expect(await lab.askDhcp(again, 2)).toContain('no lease, failing');
  });

  test('follows a port to its new address', async () => {
    await network.ensureNetwork(spec);
    const { port, guest } = await addGuest('10.123.0.5');
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.5');
    const subnetId = spec.subnets[0]?.id ?? '';
    await network.plug({ ...port, fixedIps: [{ subnetId, address: '10.123.0.6' }] });
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.6');
  });

  test('goes on when dnsmasq is killed', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addGuest('10.123.0.5');
    const [pid = 0] = await dnsmasqPids();
    process.kill(pid, 'SIGKILL');
    await untilTrue('another dnsmasq', async () => {
      const [next = pid] = await dnsmasqPids();
      return next !== pid;
    });
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.5');
  });

  test('goes on under the next process, which finds the dnsmasq of the last', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addGuest('10.123.0.5');
    const before = await dnsmasqPids();
    killProcess();
    const next = await openNetwork();
    await next.ensureNetwork(spec);
    expect(await dnsmasqPids()).toEqual(before);
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.5');
    await next.close();
    expect(await dnsmasqPids()).toEqual([]);
  });

  test('is changed without a gap when the network changes', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addGuest('10.123.0.5');
    await lab.askDhcp(guest);
    await network.ensureNetwork({ ...spec, mtu: 1_400 });
    expect(await lab.askDhcp(guest)).toContain('mtu=1400');
    expect(await dnsmasqPids()).toHaveLength(1);
    expect(await leases()).toContain('10.123.0.5');
  });
});

describe('a guest', () => {
  test('reaches the world under the host’s address, and the world does not reach it', async () => {
    const world = await lab.addWorld();
    await network.ensureNetwork(spec);
    const { guest } = await addReadyGuest('10.123.0.5');
    expect(await reaches(guest, '198.51.100.2')).toBe(true);
    await run('ip', '-n', world, 'route', 'add', '10.123.0.0/24', 'via', '198.51.100.1');
    expect(await reaches(world, '10.123.0.5')).toBe(false);
    expect(await reaches(lab.host, '10.123.0.5')).toBe(true);
  });

  test('reaches the world through a firewall that drops what it does not know', async () => {
    await lab.addWorld();
    await lab.onHost('iptables', '-P', 'FORWARD', 'DROP');
    await lab.onHost('iptables', '-P', 'INPUT', 'DROP');
    await network.ensureNetwork(spec);
    const { guest } = await addReadyGuest('10.123.0.5');
    expect(await reaches(guest, '198.51.100.2')).toBe(true);
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.5');
    await network.removeNetwork(spec.id);
    expect(await lab.onHost('iptables', '-S')).not.toContain('kilonova');
  });

  test('reaches another guest of its network, but none of another network', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addReadyGuest('10.123.0.5');
    await addReadyGuest('10.123.0.6');
    expect(await reaches(guest, '10.123.0.6')).toBe(true);

    const subnets = [{ ...spec.subnets[0]!, cidr: '10.124.0.0/24', gateway: '10.124.0.1' }];
    const other = networkSpec(`${lab.bridge}b`, { subnets, metadataPort: undefined });
    await network.ensureNetwork(other);
    const port = portOn(other, '10.124.0.5');
    const { tap } = await network.plug(port);
    const stranger = await lab.addGuest(port, tap);
    await lab.onHost('ip', 'link', 'set', tap, 'master', other.bridge);
    await lab.setAddress(stranger, '10.124.0.5', '10.124.0.1');
    expect(await reaches(lab.host, '10.124.0.5')).toBe(true);
    expect(await reaches(guest, '10.124.0.5')).toBe(false);
  });

  test('gets metadata from 169.254.169.254 and is seen under its own address', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addReadyGuest('10.123.0.5');
    const script = `require('node:http')
      .createServer((request, response) => response.end('you are ' + request.socket.remoteAddress))
      .listen(${metadataPort}, '0.0.0.0', () => console.log('ready'))`;
    const server = spawn('ip', ['netns', 'exec', lab.host, process.execPath, '-e', script]);
    try {
      await new Promise((resolve) => server.stdout.once('data', resolve));
      const client = `fetch('http://169.254.169.254/').then((r) => r.text()).then(console.log)`;
      const said = await attempt('ip', 'netns', 'exec', guest, process.execPath, '-e', client);
      expect(said).toBe('you are 10.123.0.5\n');
    } finally {
      server.kill('SIGKILL');
    }
  });

  test('cannot take another address, nor another MAC', async () => {
    await network.ensureNetwork(spec);
    const { guest, port } = await addReadyGuest('10.123.0.5');
    await addReadyGuest('10.123.0.6');
    expect(await reaches(guest, '10.123.0.6')).toBe(true);
    await run('ip', '-n', guest, 'addr', 'flush', 'dev', 'eth0');
    await lab.setAddress(guest, '10.123.0.7', '10.123.0.1');
    await run('ip', '-n', lab.host, 'neigh', 'flush', 'all');
    expect(await reaches(guest, '10.123.0.6')).toBe(false);
    expect(await reaches(guest, '10.123.0.1')).toBe(false);
    await run('ip', '-n', guest, 'addr', 'flush', 'dev', 'eth0');
    await lab.setAddress(guest, '10.123.0.5', '10.123.0.1');
    expect(await reaches(guest, '10.123.0.1')).toBe(true);
    await run('ip', '-n', guest, 'link', 'set', 'eth0', 'address', 'fa:16:3e:66:66:66');
    await lab.setAddress(guest, '10.123.0.5', '10.123.0.1');
    expect(await reaches(guest, '10.123.0.1')).toBe(false);
    await run('ip', '-n', guest, 'link', 'set', 'eth0', 'address', port.mac);
    await lab.setAddress(guest, '10.123.0.5', '10.123.0.1');
    expect(await reaches(guest, '10.123.0.1')).toBe(true);
  });

  test('cannot play DHCP server for others', async () => {
    const dhcp = false;
    spec = { ...spec, subnets: spec.subnets.map((subnet) => ({ ...subnet, dhcp })) };
    await network.ensureNetwork(spec);
    const rogue = await addReadyGuest('10.123.0.5');
    const victim = await addGuest('10.123.0.6');
    const command = `netns exec ${rogue.guest} dnsmasq --keep-in-foreground --port=0 --conf-file=/dev/null
      --dhcp-range=10.123.0.100,10.123.0.200 --no-ping --dhcp-authoritative --interface=eth0
      --log-facility=/dev/null --dhcp-leasefile=${lab.directory}/rogue --pid-file=${lab.directory}/rogue.pid`;
    const server = spawn('ip', command.split(/\s+/));
    try {
      await untilTrue('the rogue server', () =>
        access(join(lab.directory, 'rogue.pid')).then(
          () => true,
          () => false,
        ),
      );
      expect(await lab.askDhcp(victim.guest, 2)).toContain('no lease, failing');
    } finally {
      server.kill('SIGKILL');
    }
  });
});

describe('the host', () => {
  async function state(): Promise<string> {
    const parts = await Promise.all([
      lab.onHost('ip', 'addr', 'show'),
      lab.onHost('ip', 'route', 'show'),
      lab.onHost('nft', 'list', 'ruleset'),
      lab.onHost('cat', '/proc/sys/net/ipv4/ip_forward'),
    ]);
    return parts.join('\n');
  }

  test('is as before when the last network is removed, taps and processes included', async () => {
    const before = await state();
    await network.ensureNetwork(spec);
    const { port } = await addGuest('10.123.0.5');
    expect(await state()).not.toBe(before);
    const [pid = 0] = await dnsmasqPids();
    await network.unplug(port);
    await network.removeNetwork(spec.id);
    expect(await state()).toBe(before);
    expect(await readdir(lab.directory)).not.toContain(spec.id);
    expect(await readdir(lab.directory)).not.toContain('ip-forward.before');
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).toBe('');
  });

  test('keeps what two clouds set up apart', async () => {
    await network.ensureNetwork(spec);
    const subnets = [{ ...spec.subnets[0]!, cidr: '10.125.0.0/24', gateway: '10.125.0.1' }];
    const otherSpec = networkSpec(`${lab.bridge}c`, { subnets });
    const other = await LinuxHostNetwork.open({
      directory: join(lab.directory, 'other'),
      cloudId: 'other',
      env,
      namespace: lab.host,
    });
    await other.ensureNetwork(otherSpec);
    await network.removeNetwork(spec.id);
    expect(await lab.onHost('nft', 'list', 'tables')).toBe(
      'table inet kilonova_other\ntable bridge kilonova_other\n',
    );
    expect((await lab.onHost('cat', '/proc/sys/net/ipv4/ip_forward')).trim()).toBe('1');
    await other.removeNetwork(otherSpec.id);
    expect(await lab.onHost('nft', 'list', 'tables')).toBe('');
  });

  test('is mended when others changed what is ours', async () => {
    await network.ensureNetwork(spec);
    const { guest } = await addReadyGuest('10.123.0.5');
    await lab.onHost('nft', 'flush', 'ruleset');
    await lab.onHost('ip', 'link', 'del', lab.bridge);
    killProcess();
    const next = await openNetwork();
    await next.ensureNetwork(spec);
    const tap = (await lab.onHost('ip', '-br', 'link', 'show', 'type', 'veth')).split('@')[0] ?? '';
    await lab.onHost('ip', 'link', 'set', tap, 'master', lab.bridge);
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.5');
    expect(await lab.onHost('nft', 'list', 'ruleset')).toContain('10.123.0.5');
    await next.close();
  });

  test('is mended beside the boots that use it, too', async () => {
    const watchful = await openNetwork(0);
    await watchful.ensureNetwork(spec);
    await lab.onHost('nft', 'flush', 'ruleset');
    await lab.onHost('ip', 'addr', 'flush', 'dev', lab.bridge);
    await untilTrue('rules and address to be back', async () => {
      await watchful.ensureNetwork(spec);
      const rules = await lab.onHost('nft', 'list', 'ruleset');
      const addresses = await lab.onHost('ip', '-br', 'addr', 'show', lab.bridge);
      return rules.includes('169.254.169.254') && addresses.includes('10.123.0.1/24');
    });
    expect(await watchful.listNetworks()).toEqual([spec.id]);
    await watchful.removeNetwork(spec.id);
  });

  test('forgets what a process left behind that died while it unplugged a port', async () => {
    await network.ensureNetwork(spec);
    const { port, guest } = await addGuest('10.123.0.5');
    expect(await lab.askDhcp(guest)).toContain('ip=10.123.0.5');
    killProcess();
    await rm(join(lab.directory, spec.id, 'hosts', port.id));
    const next = await openNetwork();
    await next.ensureNetwork(spec);
    expect(await next.listPorts()).toEqual([]);
    expect(await leases()).toBe('');
    expect(await lab.onHost('nft', 'list', 'ruleset')).not.toContain(port.mac);
    expect(await lab.askDhcp(guest, 2)).toContain('no lease, failing');
    await next.close();
  });

  test('plugs ports after others flushed the rules', async () => {
    await network.ensureNetwork(spec);
    await lab.onHost('nft', 'flush', 'ruleset');
    const port = portOn(spec, '10.123.0.5');
    await network.plug(port);
    expect(await lab.onHost('nft', 'list', 'ruleset')).toContain(port.mac);
  });

  test('does not use a bridge of others, nor a subnet that leads elsewhere', async () => {
    await lab.onHost('ip', 'link', 'add', lab.bridge, 'type', 'bridge');
    await expect(network.ensureNetwork(spec)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining(`ip link del ${lab.bridge}`),
    });
    await lab.onHost('ip', 'link', 'set', lab.bridge, 'up');
    await lab.onHost('ip', 'addr', 'add', '10.123.0.77/16', 'dev', lab.bridge);
    const overlapping = networkSpec(`${lab.bridge}d`);
    await expect(network.ensureNetwork(overlapping)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('10.123.0.0/16'),
    });
    expect(await network.listNetworks()).toEqual([]);
    await network.removeNetwork(spec.id);
    expect(await lab.onHost('ip', '-br', 'link', 'show', lab.bridge)).toContain(lab.bridge);
    expect(await lab.onHost('nft', 'list', 'ruleset')).toBe('');
  });

  test('names the command that failed and its words', async () => {
    const broken = await LinuxHostNetwork.open({
      directory: join(lab.directory, 'broken'),
      cloudId: 'broken',
      env,
      namespace: `${lab.host}-that-is-not`,
    });
    await expect(broken.ensureNetwork(networkSpec(`${lab.bridge}e`))).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining(`${lab.host}-that-is-not`),
    });
  });
});
