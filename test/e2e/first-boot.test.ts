// The whole of it, as a newcomer does it: one command, then the real `openstack` client boots, uses and deletes a real
// QEMU guest. Nothing in the path is faked.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LaunchedCloud, run, until } from './launched-cloud.ts';

let cloud: LaunchedCloud;
let id: string;
let address: string;
let domain: () => Promise<string>;

const ssh = (command: string, host = address): ReturnType<typeof run> =>
  run('ssh', [
    '-i',
    join(cloud.directory, 'key'),
    ...[
      'BatchMode=yes',
      'ConnectTimeout=3',
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
    ].flatMap((option) => ['-o', option]),
    `root@${host}`,
    command,
  ]);

async function status(wanted: string, name = 'vm1'): Promise<void> {
  let seen = '';
  await until(`${name} to be ${wanted}`, async () => {
    seen = await cloud.value('status', 'server', 'show', name);
    if (seen === 'ERROR' && wanted !== 'ERROR')
      throw new Error(await cloud.value('fault', 'server', 'show', name));
    return seen === wanted ? true : undefined;
  });
}

async function domainState(wanted: string): Promise<void> {
  await until(
    `the domain to be ${wanted}`,
    async () => ((await domain()) === wanted ? true : undefined),
    30_000,
  );
}

beforeAll(async () => {
  cloud = await LaunchedCloud.prepare({ cidr: '10.91.0.0/24' });
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(cloud.directory, 'key')]);
  writeFileSync(join(cloud.directory, 'user-data'), '#!/bin/sh\necho USER-DATA-RAN-$(hostname)\n');
  domain = async () =>
    (await run('virsh', ['-c', 'qemu:///system', 'domstate', id])).stdout.trim().split('\n')[0] ??
    '';
});

afterAll(async () => {
  await cloud?.remove();
});

describe('one command, one cloud', () => {
  it('comes up and says what to type next', async () => {
    const { stdout } = await cloud.up();
    expect(stdout).toMatch(/openstack server create --image tiny/);
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^ready in [0-9.]+ s$/);
    expect(existsSync(join(cloud.data, 'openrc'))).toBe(true);
  });

  it('a second up says that one runs already', async () => {
    const { code, stderr } = await cloud.kilonova('up', '--detach');
    expect(code).toBe(1);
    expect(stderr).toMatch(/a cloud runs already on .*: process \d+, http:\/\/127\.0\.0\.1:\d+/);
  });

  it('offers an image, flavors and a network', async () => {
    expect(await cloud.value('Name', 'image', 'list')).toBe('tiny');
    expect((await cloud.value('Name', 'flavor', 'list')).split('\n')).toContain('m1.tiny');
    expect(await cloud.value('Name', 'network', 'list')).toBe('private');
    expect(await cloud.value('status', 'image', 'show', 'tiny')).toBe('active');
  });

  it('boots a real guest with key and user data', async () => {
    await cloud.ask('keypair', 'create', '--public-key', join(cloud.directory, 'key.pub'), 'k');
    const create = [
      'server',
      'create',
      '--image',
      'tiny',
      '--flavor',
      'm1.tiny',
      '--network',
      'private',
      '--key-name',
      'k',
    ];
    await cloud.ask(...create, '--user-data', join(cloud.directory, 'user-data'), '--wait', 'vm1');
    id = await cloud.value('id', 'server', 'show', 'vm1');
    const shown = JSON.parse(await cloud.ask('server', 'show', 'vm1', '-f', 'json')) as {
      status: string;
      addresses: { private: string[] };
    };
    expect(shown.status).toBe('ACTIVE');
    address = shown.addresses.private[0] ?? '';
    expect(address).toMatch(/^10\.91\.0\.\d+$/);
    expect(await domain()).toBe('running');
  });

  it.each(['vm1', 'USER-DATA-RAN-vm1', '10.91.0.'])('shows %s on its console', async (text) => {
    await until(
      `${text} on the console`,
      async () =>
        (await cloud.ask('console', 'log', 'show', 'vm1')).includes(text) ? true : undefined,
      90_000,
    );
  });

  it('answers pings, and lets its key in', async () => {
    await until('a ping', async () =>
      (await run('ping', ['-c1', '-W1', address])).code === 0 ? true : undefined,
    );
    await until('ssh', async () => ((await ssh('true')).code === 0 ? true : undefined));
    expect((await ssh('hostname')).stdout.trim()).toBe('vm1');
  });

  it('takes its name, key and data from the metadata service', async () => {
    const fetched = await ssh(
      'wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json',
    );
    expect(JSON.parse(fetched.stdout)).toMatchObject({
      uuid: id,
      name: 'vm1',
      hostname: expect.stringMatching(/^vm1/),
      public_keys: { k: expect.stringMatching(/^ssh-ed25519 /) },
    });
    expect(
      (await ssh('wget -q -O - http://169.254.169.254/latest/meta-data/local-ipv4')).stdout,
    ).toBe(address);
  });

  it('is listed with its details', async () => {
    expect(await cloud.ask('server', 'list', '--long')).toMatch(/vm1 .*ACTIVE/);
  });

  it('is paused and unpaused', async () => {
    await cloud.ask('server', 'pause', 'vm1');
    await status('PAUSED');
    await domainState('paused');
    await cloud.ask('server', 'unpause', 'vm1');
    await status('ACTIVE');
    await domainState('running');
  });

  it('is suspended and resumed where it was', async () => {
    await ssh('echo before-suspend > /run/marker');
    await cloud.ask('server', 'suspend', 'vm1');
    await status('SUSPENDED');
    await cloud.ask('server', 'resume', 'vm1');
    await status('ACTIVE');
    await domainState('running');
    await until('its memory to be back', async () =>
      (await ssh('cat /run/marker')).stdout.trim() === 'before-suspend' ? true : undefined,
    );
  });

  it('is stopped and started, and keeps its disk', async () => {
    await ssh('echo kept > /root/kept && sync');
    await cloud.ask('server', 'stop', 'vm1');
    await status('SHUTOFF');
    await cloud.ask('server', 'start', 'vm1');
    await status('ACTIVE');
    await domainState('running');
    await until(
      'ssh after the start',
      async () => ((await ssh('cat /root/kept')).stdout.trim() === 'kept' ? true : undefined),
      90_000,
    );
  });

  it('is rebooted, soft and hard', async () => {
    await cloud.ask('server', 'reboot', '--wait', 'vm1');
    await cloud.ask('server', 'reboot', '--hard', '--wait', 'vm1');
    await status('ACTIVE');
    await until(
      'ssh after the reboots',
      async () => ((await ssh('true')).code === 0 ? true : undefined),
      90_000,
    );
  });

  it('shows SHUTOFF within seconds when its qemu is killed', async () => {
    const pid = readFileSync(await qemuPidFile(), 'utf8').trim();
    process.kill(Number(pid), 'SIGKILL');
    await status('SHUTOFF');
    await cloud.ask('server', 'start', 'vm1');
    await status('ACTIVE');
  });

  it('lists what was done to it', async () => {
    const actions = (await cloud.value('Action', 'server', 'event', 'list', 'vm1')).split('\n');
    expect(actions).toEqual([
      'start',
      'reboot',
      'reboot',
      'start',
      'stop',
      'resume',
      'suspend',
      'unpause',
      'pause',
      'create',
    ]);
  });

  it('refuses a flavor that is not there in words', async () => {
    const { code, stderr } = await cloud.openstack(
      'server',
      'create',
      '--image',
      'tiny',
      '--flavor',
      'no-such-flavor',
      '--network',
      'private',
      'x',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('no-such-flavor');
  });

  it('boots another one from a config drive', async () => {
    const create = [
      'server',
      'create',
      '--image',
      'tiny',
      '--flavor',
      'm1.tiny',
      '--network',
      'private',
      '--key-name',
      'k',
      '--use-config-drive',
      '--wait',
      'vm2',
    ];
    await cloud.ask(...create);
    await until(
      'the config drive on the console',
      async () =>
        /config.drive/i.test(await cloud.ask('console', 'log', 'show', 'vm2')) ? true : undefined,
      90_000,
    );
    const shown = await cloud.ask('server', 'show', 'vm2', '-f', 'json');
    const other = /10\.91\.0\.\d+/.exec(shown)?.[0] ?? '';
    await until(
      'ssh into vm2',
      async () => ((await ssh('hostname', other)).stdout.trim() === 'vm2' ? true : undefined),
      90_000,
    );
    await cloud.ask('server', 'delete', '--wait', 'vm2');
  });

  it('goes on after kill -9 of the cloud: the guest never stopped', async () => {
    const before = (await ssh('cat /proc/sys/kernel/random/boot_id')).stdout;
    const { pid } = JSON.parse(readFileSync(join(cloud.data, 'run.json'), 'utf8')) as {
      pid: number;
    };
    process.kill(pid, 'SIGKILL');
    await until('the process to be gone', async () =>
      existsSync(`/proc/${pid}`) ? undefined : true,
    );
    await cloud.up();
    await status('ACTIVE');
    expect((await ssh('cat /proc/sys/kernel/random/boot_id')).stdout).toBe(before);
  });

  it('leaves nothing when it is deleted', async () => {
    await cloud.ask('server', 'delete', '--wait', 'vm1');
    expect((await cloud.openstack('server', 'show', 'vm1')).code).toBe(1);
    expect(
      (await run('virsh', ['-c', 'qemu:///system', 'list', '--all', '--uuid'])).stdout,
    ).not.toContain(id);
    expect(await cloud.ask('port', 'list', '--device-id', id, '-f', 'value')).toBe('');
    expect(readdirSync(join(cloud.data, 'host', 'instances'))).toEqual([]);
    expect((await run('ip', ['-o', 'link', 'show', 'type', 'tun'])).stdout).toBe('');
    const usage = JSON.parse(
      (await cloud.openstackAdmin('hypervisor', 'list', '--long', '-f', 'json')).stdout,
    ) as { 'vCPUs Used'?: number }[];
    expect(usage.map((row) => row['vCPUs Used'])).toEqual([0]);
    await cloud.ask('keypair', 'delete', 'k');
  });

  it('is gone after down --purge: no process, bridge, rule or file', async () => {
    const { pid } = JSON.parse(readFileSync(join(cloud.data, 'run.json'), 'utf8')) as {
      pid: number;
    };
    await cloud.kilonova('down', '--purge');
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(cloud.data)).toBe(false);
    expect((await run('ip', ['-o', 'addr', 'show'])).stdout).not.toContain('10.91.0.');
    expect((await run('nft', ['list', 'ruleset'])).stdout).not.toContain('10.91.0.');
  });
});

async function qemuPidFile(): Promise<string> {
  const name = (await run('virsh', ['-c', 'qemu:///system', 'domname', id])).stdout.trim();
  return `/run/libvirt/qemu/${name}.pid`;
}
