// Downloads for users: what is fetched, and what is refused because it leads to where users can't get from outside.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { blockList, isReachable } from '#actors/services/image/public-addresses.ts';
import { webDownloads, type WebDownloadRules } from '#actors/services/image/web-download.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

const strict: WebDownloadRules = {
  allowedSchemes: ['http', 'https'],
  allowedPorts: [80, 443],
  allowedHosts: [],
  deniedHosts: [],
  allowedAddresses: [],
  redirects: 0,
};

let server: Server | undefined;
afterEach(async () => {
  await new Promise<void>((resolve) => {
    if (server === undefined) resolve();
    else server.close(() => resolve());
  });
  server = undefined;
});

async function serve(listener: RequestListener): Promise<number> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return (started.address() as AddressInfo).port;
}

async function fetchAll(uri: string, rules: Partial<WebDownloadRules>): Promise<string> {
  const downloads = webDownloads(createVirtualEnv({ seed: 'download' }), { ...strict, ...rules });
  const chunks: Uint8Array[] = [];
  for await (const chunk of downloads.open(uri, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const open = (port: number): Partial<WebDownloadRules> => ({
  allowedPorts: [port],
  allowedAddresses: ['127.0.0.0/8', '::1'],
});

describe('a URI', () => {
  const refusedBy = (uri: string, rules: Partial<WebDownloadRules> = {}) =>
    webDownloads(createVirtualEnv({ seed: 'x' }), { ...strict, ...rules }).refusedBy(uri);

  it.each([
    'http://example.org/disk.qcow2',
    'https://example.org:443/disk',
    'http://8.8.8.8/',
    'http://[2606:4700:4700::1111]/',
  ])('%s may be fetched', (uri) => {
    expect(refusedBy(uri)).toBeUndefined();
  });

  it.each([
    ['file:///etc/passwd', 'the scheme file is not allowed'],
    ['ftp://example.org/', 'the scheme ftp is not allowed'],
    ['gopher://example.org/', 'the scheme gopher is not allowed'],
    ['no uri', 'it is no URI'],
    ['', 'it is no URI'],
    [`http://example.org/${'x'.repeat(5_000)}`, 'it is no URI'],
    ['http://user:secret@example.org/', 'it carries credentials'],
    ['http://example.org:22/', 'port 22 is not allowed'],
    ['http://127.0.0.1/', 'address 127.0.0.1 is not public'],
    ['http://127.1/', 'address 127.0.0.1 is not public'],
    ['http://2130706433/', 'address 127.0.0.1 is not public'],
    ['http://0x7f.0.0.1/', 'address 127.0.0.1 is not public'],
    ['http://0/', 'address 0.0.0.0 is not public'],
    ['http://169.254.169.254/latest/meta-data', 'address 169.254.169.254 is not public'],
    ['http://10.0.0.1/', 'address 10.0.0.1 is not public'],
    ['http://[::1]/', 'address ::1 is not public'],
    ['http://[::ffff:127.0.0.1]/', 'address ::ffff:7f00:1 is not public'],
    ['http://[fe80::1]/', 'address fe80::1 is not public'],
    ['http://[64:ff9b::a00:1]/', 'address 64:ff9b::a00:1 is not public'],
    ['http://[2002:7f00:1::]/', 'address 2002:7f00:1:: is not public'],
  ])('%s is refused', (uri, why) => {
    expect(refusedBy(uri)).toBe(why);
  });

  it('is allowed and denied by the settings', () => {
    expect(refusedBy('https://example.org/', { allowedSchemes: ['http'] })).toMatch(/scheme https/);
    expect(refusedBy('http://a.org/', { allowedHosts: ['b.org'] })).toMatch(/host a.org/);
    expect(refusedBy('http://b.org./', { allowedHosts: ['b.org'] })).toBeUndefined();
    expect(refusedBy('http://A.org/', { deniedHosts: ['a.org'] })).toMatch(/host a.org/);
    expect(refusedBy('http://10.1.2.3/', { allowedAddresses: ['10.1.0.0/16'] })).toBeUndefined();
    expect(() => refusedBy('http://a/', { allowedAddresses: ['ten'] })).toThrow(
      '"ten" is neither an IP address nor address/bits',
    );
  });
});

describe('a download', () => {
  it('gives the bytes of an address that is allowed', async () => {
    let asked: Record<string, unknown> = {};
    const port = await serve((request, reply) => {
      asked = { ...request.headers };
      reply.end('bytes');
    });
    expect(await fetchAll(`http://127.0.0.1:${port}/disk`, open(port))).toBe('bytes');
    expect(await fetchAll(`http://localhost:${port}/disk`, open(port))).toBe('bytes');
    expect(asked).not.toHaveProperty('authorization');
  });

  it('of a name that has an address inside is refused when it is looked up', async () => {
    let requests = 0;
    const port = await serve((_request, reply) => {
      requests += 1;
      reply.end('secret');
    });
    await expect(fetchAll(`http://localhost:${port}/`, { allowedPorts: [port] })).rejects.toThrow(
      /localhost has address (127\.0\.0\.1|::1), which is not public/,
    );
    expect(requests).toBe(0);
  });

  it('does not follow a redirect, unless it is allowed, and then not to where it may not go', async () => {
    const port = await serve((request, reply) => {
      const to = request.url === '/far' ? 'http://169.254.169.254/' : '/here';
      if (request.url === '/here') reply.end('found');
      else reply.writeHead(302, { location: to }).end();
    });
    const base = `http://127.0.0.1:${port}`;
    await expect(fetchAll(`${base}/near`, open(port))).rejects.toThrow(
      'the download is refused: the server redirects (302)',
    );
    const following = { ...open(port), allowedPorts: [port, 80], redirects: 1 };
    expect(await fetchAll(`${base}/near`, following)).toBe('found');
    await expect(fetchAll(`${base}/far`, following)).rejects.toThrow(
      'the download is refused: address 169.254.169.254 is not public',
    );
  });

  it('of what is not there, or breaks off, says so', async () => {
    const port = await serve((request, reply) => {
      if (request.url === '/none') reply.writeHead(404).end();
      else {
        reply.writeHead(200, { 'content-length': '100' });
        reply.write('half');
        setImmediate(() => reply.destroy());
      }
    });
    const base = `http://127.0.0.1:${port}`;
    await expect(fetchAll(`${base}/none`, open(port))).rejects.toThrow(
      'the server answers with status 404',
    );
    await expect(fetchAll(`${base}/half`, open(port))).rejects.toThrow(/the download failed/);
    await expect(
      fetchAll('http://does-not-exist.invalid/', { allowedPorts: [80] }),
    ).rejects.toThrow(/the download failed: E(?:NOTFOUND|AI_AGAIN)/);
  });
});

it.each([
  ['8.8.8.8', true],
  ['172.32.0.1', true],
  ['2606:4700:4700::1111', true],
  ['172.31.255.255', false],
  ['100.64.0.1', false],
  ['192.168.1.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::', false],
  ['::127.0.0.1', false],
  ['::ffff:8.8.8.8', false],
  ['fd00::1', false],
  ['ff02::1', false],
  ['fe80::1%eth0', false],
  ['example.org', false],
])('address %s is public: %s', (address, isPublic) => {
  expect(isReachable(address, blockList([]))).toBe(isPublic);
});
