import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseListen, readSettings, root } from '#cli/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'kilonova-settings-'));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;

function file(text: string): string {
  files += 1;
  const path = join(directory, `settings-${files}.ts`);
  writeFileSync(path, text);
  return path;
}

describe('where to listen', () => {
  it.each([
    ['127.0.0.1:8774', '127.0.0.1', 8774],
    ['cloud.example.org:80', 'cloud.example.org', 80],
    ['[::1]:9000', '::1', 9000],
    ['[::]:0', '::', 0],
    [':8774', '127.0.0.1', 8774],
    ['8774', '127.0.0.1', 8774],
  ])('%s', (text, host, port) => {
    expect(parseListen(text)).toEqual({ host, port });
  });

  it.each(['', 'host', 'host:', '::1:8774', '[::1]', '[host]:80', 'a:b:80', '1.2.3.4:80x', ':-1'])(
    '%j is refused in words',
    (text) => {
      expect(() => parseListen(text)).toThrow(`--listen ${text} is not HOST:PORT`);
    },
  );
});

describe('the settings', () => {
  const empty = file('export default {};');

  it('are the file’s, with the command line over them', async () => {
    const path = file(`export default {
      region: 'Home', listen: { host: '::' }, hypervisor: { kind: 'simulated' }, data: 'mine' };`);
    const config = await readSettings({
      config: path,
      listen: '0.0.0.0:1',
      hypervisor: 'simulated',
      hosts: '3',
    });
    expect(config).toMatchObject({
      region: 'Home',
      listen: { host: '0.0.0.0', port: 1 },
      hypervisor: { kind: 'simulated', hosts: 3 },
      data: join(root, 'mine'),
    });
  });

  it('have their data directory where the command was typed, if it names one', async () => {
    const config = await readSettings({ config: empty, data: 'here' });
    expect(config.data).toBe(join(process.cwd(), 'here'));
  });

  it.each<[Parameters<typeof readSettings>[0], string]>([
    [{ config: join(directory, 'none.ts') }, 'there is no settings file'],
    [{ config: empty, hosts: '3' }, '--hosts counts simulated hosts'],
    [{ config: empty, hypervisor: 'simulated', hosts: 'many' }, '--hosts wants a whole number'],
    [{ config: empty, hypervisor: 'simulated', hosts: '0' }, 'hypervisor.hosts must be >= 1'],
    [{ config: empty, listen: '70000' }, 'listen.port must be <= 65535'],
    [{ config: empty, peerListen: 'here' }, '--peer-listen here is not HOST:PORT'],
    [{ config: file('export default { cluster: { shards: 0 } };') }, 'cluster.shards must be >= 1'],
    [
      { config: file("export default { cluster: { transport: { announce: ['a:1'] } } };") },
      'cluster.transport.announce.0 must match pattern',
    ],
  ])('of %j are refused in words', async (options, words) => {
    await expect(readSettings(options)).rejects.toThrow(words);
  });

  it('of a member of a cluster: the command line over what it has kept over the file', async () => {
    const data = join(directory, 'member');
    mkdirSync(data);
    const kept = { listen: { host: '127.0.0.1', port: 4_001 }, cluster: { redis: 'redis://kept' } };
    const member = { version: 1, networkKey: 'key', settings: kept };
    writeFileSync(join(data, 'member.json'), JSON.stringify(member));
    const path = file("export default { region: 'Home', listen: { port: 1 } };");
    expect(await readSettings({ config: path, data })).toMatchObject({
      region: 'Home',
      listen: { host: '127.0.0.1', port: 4_001 },
      cluster: { redis: 'redis://kept', roles: ['controller', 'compute'] },
    });
    const options = { redis: 'redis://new', role: 'controller', peerListen: '[::]:7' } as const;
    const { cluster } = await readSettings({ config: path, data, ...options });
    expect(cluster).toMatchObject({
      redis: 'redis://new',
      roles: ['controller'],
      transport: { kind: 'libp2p', listen: { host: '::', port: 7 } },
    });
  });

  it('of a file without a default export are refused in words', async () => {
    await expect(readSettings({ config: file('export const a = 1;') })).rejects.toThrow(
      'has no default export',
    );
  });
});
