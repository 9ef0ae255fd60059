// The whole cloud on real libvirt when parts of it die: the daemon, a guest's QEMU, the cloud itself. Guests that run go
// on running, and what was asked for is done once it can be.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, until } from '#test/e2e/launched-cloud.ts';
import { findServer } from '#cli/chaos/api-client.ts';
import { PrivateLibvirtCloud } from './private-libvirt-cloud.ts';

let cloud: PrivateLibvirtCloud;

beforeAll(async () => {
  cloud = await PrivateLibvirtCloud.start({ cidr: '10.93.0.0/24' });
});

afterAll(async () => {
  await cloud?.remove();
});

async function bootGuest(name: string): Promise<{ readonly id: string; readonly pid: number }> {
  const id = await cloud.create(name);
  await cloud.untilStatus(id, 'ACTIVE');
  const pid = await cloud.guestPid(id);
  if (pid === undefined) throw new Error(`no QEMU runs ${name}`);
  return { id, pid };
}

async function gone(pid: number): Promise<void> {
  await until(`process ${pid} to be gone`, async () =>
    existsSync(`/proc/${pid}`) ? undefined : true,
  );
}

describe('libvirtd killed and restarted', () => {
  it('leaves the guest alone; the cloud is back by itself, and actions work again', async () => {
    const { id, pid } = await bootGuest('survivor');
    await cloud.daemon.kill();
    await cloud.untilHypervisorIs('down');
    expect((await findServer(cloud.admin, id))?.status).toBe('ACTIVE');
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await cloud.daemon.restart();
    await cloud.untilHypervisorIs('up');
    expect(await cloud.guestPid(id)).toBe(pid);
    await cloud.act(id, { pause: null });
    await cloud.untilStatus(id, 'PAUSED');
    await cloud.act(id, { unpause: null });
    await cloud.untilStatus(id, 'ACTIVE');
    expect(await cloud.guestPid(id)).toBe(pid);
    await cloud.delete(id);
    await gone(pid);
  });

  it('what was asked for in between is done afterwards: a pause, a delete, a create', async () => {
    const [paused, deleted] = [await bootGuest('paused'), await bootGuest('deleted')];
    await cloud.daemon.kill();
    await cloud.untilHypervisorIs('down');
    await cloud.act(paused.id, { pause: null });
    await cloud.admin.ask('DELETE', `/compute/v2.1/servers/${deleted.id}`);
    const created = await cloud.create('created');
    await cloud.untilStatus(created, 'ERROR');
    expect((await findServer(cloud.admin, created))?.fault?.message).toMatch(
      /^No valid host was found\. \S+: it does not answer \(ComputeFilter\)\.$/,
    );
    expect(existsSync(`/proc/${deleted.pid}`)).toBe(true);
    await cloud.daemon.restart();
    await cloud.untilStatus(paused.id, 'PAUSED');
    expect(await cloud.guestPid(paused.id)).toBe(paused.pid);
    await until('the deleted server to be gone', async () =>
      (await findServer(cloud.admin, deleted.id)) === undefined ? true : undefined,
    );
    await gone(deleted.pid);
    await cloud.delete(created);
    await cloud.delete(paused.id);
  });
});

describe('a name full of markup', () => {
  it("is the domain's title as it was written, and the guest runs", async () => {
    const name = `</title></domain> <&"'> ]]> <!-- żółw`;
    const { id } = await bootGuest(name);
    const domain = (await findServer(cloud.admin, id))?.['OS-EXT-SRV-ATTR:instance_name'] ?? '';
    const { stdout } = await run('virsh', ['-c', cloud.daemon.uri, 'desc', '--title', domain]);
    expect(stdout.trim()).toBe(name);
    await cloud.delete(id);
  });
});

describe("a guest's QEMU killed", () => {
  it('is SHUTOFF within seconds, and starts again', async () => {
    const { id, pid } = await bootGuest('killed');
    process.kill(pid, 'SIGKILL');
    await cloud.untilStatus(id, 'SHUTOFF', 5_000);
    await cloud.act(id, { 'os-start': null });
    await cloud.untilStatus(id, 'ACTIVE');
    expect(await cloud.guestPid(id)).not.toBe(pid);
    await cloud.delete(id);
  });

  it('while libvirtd and the cloud are away, too: SHUTOFF is known at the next start', async () => {
    const { id, pid } = await bootGuest('died-unseen');
    await cloud.process.kill();
    await cloud.daemon.kill();
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    await cloud.daemon.restart();
    await cloud.up();
    expect((await cloud.untilStatus(id, 'SHUTOFF', 10_000)).fault).toBeUndefined();
    await cloud.delete(id);
  });
});

describe('kill -9 of the cloud while a guest is made', () => {
  it.each([
    ['as soon as the create is acknowledged', async () => undefined],
    [
      'when its disk is there',
      async (id: string) => {
        const directory = join(cloud.process.data, 'host', 'instances', id);
        await until('a disk', async () => (existsSync(directory) ? true : undefined));
        return undefined;
      },
    ],
    [
      'when its QEMU runs',
      (id: string): Promise<number | undefined> => until('a QEMU', () => cloud.guestPid(id)),
    ],
  ])('%s: the next start finishes it, once', async (_when, reached) => {
    const id = await cloud.create('cut');
    const firstPid = await reached(id);
    await cloud.process.kill();
    await cloud.up();
    await cloud.untilStatus(id, 'ACTIVE');
    const pid = await cloud.guestPid(id);
    expect(pid).toBe(firstPid ?? pid);
    expect({ pid, starts: await cloud.startsOf(id) }).toEqual({
      pid: expect.any(Number),
      starts: 1,
    });
    await cloud.delete(id);
    await gone(pid ?? 0);
  });
});

describe('afterwards', () => {
  it('nothing is left of any of them, and no error was logged', () => {
    expect(readdirSync(join(cloud.process.data, 'host', 'instances'))).toEqual([]);
    expect(cloud.process.errors).toEqual([]);
  });
});
