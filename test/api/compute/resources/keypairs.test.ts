import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sshFingerprint } from '#api/compute/resources/keypairs/ssh-keys.ts';
import { projects } from '#actors/project/protocol.ts';
import { PROJECT } from '../service.ts';
import { fault, resourceService, type ResourceService } from './resource-service.ts';

const blob = Buffer.concat(
  [Buffer.from('ssh-ed25519'), Buffer.alloc(32, 7)].flatMap((field) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(field.length);
    return [length, field];
  }),
);
const publicKey = `ssh-ed25519 ${blob.toString('base64')} anna@home`;
const fingerprint = (createHash('md5').update(blob).digest('hex').match(/../g) ?? []).join(':');

interface Created {
  readonly keypair: Readonly<Record<string, string>>;
}
const create = (service: ResourceService, keypair: object, minor?: number, as = 'anna') =>
  service.call('POST', '/os-keypairs', {
    as,
    body: { keypair: { name: 'k', ...keypair } },
    ...(minor === undefined ? {} : { minor }),
  });

describe('importing', () => {
  test('answers with exactly the fields and the code of each microversion', async () => {
    const service = resourceService();
    const view = { name: 'k', public_key: publicKey, fingerprint, user_id: 'user-anna' };
    expect(await create(service, { public_key: publicKey })).toMatchObject({
      status: 200,
      body: { keypair: view },
    });
    const typed = await create(service, { name: 'k2', public_key: publicKey }, 2);
    expect(typed.status).toBe(201);
    expect(typed.body).toEqual({ keypair: { ...view, name: 'k2', type: 'ssh' } });
  });

  test.each([
    ['no key at all', 'nonsense'],
    ['a type without a blob', 'ssh-rsa'],
    ['what is no base64', 'ssh-rsa @@@@ x'],
    ['a blob of another type', `ssh-rsa ${blob.toString('base64')}`],
    ['a blob cut short', `ssh-ed25519 ${blob.subarray(0, 20).toString('base64')}`],
    ['a blob with more', `ssh-ed25519 ${Buffer.concat([blob, blob]).toString('base64')}`],
    ['an unknown type', `ssh-none ${blob.toString('base64')}`],
    ['an empty text', ''],
  ])('%s is 400', async (_what, public_key) => {
    const service = resourceService();
    expect(await create(service, { public_key })).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, 'Keypair data is invalid: failed to generate fingerprint'),
    });
    expect(service.cluster.events).toEqual([]);
  });

  test.each([
    ['an empty name', { name: '' }, 1],
    ['a name with other characters', { name: 'k!' }, 1],
    ['a name with a dot, before 2.92', { name: 'k.1' }, 91],
    ['a long name', { name: 'k'.repeat(256) }, 1],
    ['a type before 2.2', { type: 'ssh' }, 1],
    ['an unknown type', { type: 'pgp' }, 2],
    ['a user before 2.10', { user_id: 'user-otto' }, 9],
    ['a field nobody knows', { colour: 'red' }, 1],
  ])('%s is 400', async (_what, keypair, minor) => {
    const service = resourceService();
    expect((await create(service, { public_key: publicKey, ...keypair }, minor)).status).toBe(400);
  });

  test('names with @ and dots are for 2.92; there a public key is required', async () => {
    const service = resourceService();
    const named = { name: 'me@home.example' };
    expect((await create(service, { ...named, public_key: publicKey }, 92)).status).toBe(201);
    expect((await create(service, { name: 'other' }, 92)).status).toBe(400);
  });

  test('a name that is taken is 409, one too many 403', async () => {
    const service = resourceService();
    await create(service, { public_key: publicKey });
    expect(await create(service, { public_key: publicKey })).toMatchObject({
      status: 409,
      body: fault('conflictingRequest', 409, "Key pair 'k' already exists."),
    });
    await service.cluster.router.ask(
      projects.ref(PROJECT),
      { type: 'project.set-limits', limits: { key_pairs: 1 }, force: false },
      { requestId: 'req-1' },
    );
    expect(await create(service, { name: 'k2', public_key: publicKey })).toMatchObject({
      status: 403,
      body: fault('forbidden', 403, 'Quota exceeded, too many key pairs.'),
    });
  });
});

describe('generating', () => {
  test('an ssh pair gives a PKCS #1 key that belongs to the public one', async () => {
    const service = resourceService();
    const { status, body } = await create(service, {});
    const { keypair } = body as Created;
    expect(status).toBe(200);
    expect(Object.keys(keypair).sort()).toEqual([
      'fingerprint',
      'name',
      'private_key',
      'public_key',
      'user_id',
    ]);
    expect(keypair['private_key']).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(keypair['fingerprint']).toBe(sshFingerprint(keypair['public_key'] ?? ''));
    const { n } = createPrivateKey(keypair['private_key'] ?? '').export({ format: 'jwk' });
    const encoded = Buffer.from((keypair['public_key'] ?? '').split(' ')[1] ?? '', 'base64');
    expect(encoded.subarray(-256).toString('base64url')).toBe(n);
    const shown = await service.call('GET', '/os-keypairs/k', { as: 'anna' });
    expect(JSON.stringify(shown.body)).not.toContain('PRIVATE');
  });

  test('an x509 pair gives a certificate for the user that its key signed', async () => {
    const service = resourceService();
    const { keypair } = (await create(service, { type: 'x509' }, 2)).body as Created;
    const certificate = new X509Certificate(keypair['public_key'] ?? '');
    const privateKey = createPrivateKey(keypair['private_key'] ?? '');
    expect(certificate.subject).toBe('CN=user-anna');
    expect(certificate.checkPrivateKey(privateKey)).toBe(true);
    expect(certificate.verify(createPublicKey(privateKey))).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.subjectAltName).toContain('user-anna@localhost');
    expect(keypair['fingerprint']).toBe(certificate.fingerprint.toLowerCase());
    expect(keypair['type']).toBe('x509');
    const again = { name: 'k2', type: 'x509', public_key: keypair['public_key'] };
    expect((await create(service, again, 2)).body).toMatchObject({
      keypair: { fingerprint: keypair['fingerprint'] },
    });
    const wrong = { name: 'k3', type: 'x509', public_key: publicKey };
    expect((await create(service, wrong, 2)).status).toBe(400);
  });
});

describe('reading', () => {
  test('shows and lists exactly the fields of each microversion', async () => {
    const service = resourceService();
    await create(service, { public_key: publicKey });
    const show = await service.call('GET', '/os-keypairs/k', { as: 'anna' });
    const view = {
      name: 'k',
      public_key: publicKey,
      fingerprint,
      user_id: 'user-anna',
      id: 1,
      created_at: '2026-01-01T00:00:00.000000',
      updated_at: null,
      deleted_at: null,
      deleted: false,
    };
    expect(show).toMatchObject({ status: 200 });
    expect(show.body).toEqual({ keypair: view });
    const typed = await service.call('GET', '/os-keypairs/k', { as: 'anna', minor: 2 });
    expect(typed.body).toEqual({ keypair: { ...view, type: 'ssh' } });
    const item = { name: 'k', public_key: publicKey, fingerprint };
    const list = (minor: number) => service.call('GET', '/os-keypairs', { as: 'anna', minor });
    expect((await list(1)).body).toEqual({ keypairs: [{ keypair: item }] });
    expect((await list(35)).body).toEqual({ keypairs: [{ keypair: { ...item, type: 'ssh' } }] });
  });

  test('each user sees the own ones; administrators any from 2.10 on', async () => {
    const service = resourceService();
    const { call } = service;
    await create(service, { public_key: publicKey });
    expect(await call('GET', '/os-keypairs/k', { as: 'otto' })).toMatchObject({
      status: 404,
      body: fault('itemNotFound', 404, 'Keypair k not found for user user-otto'),
    });
    const asked = '/os-keypairs/k?user_id=user-anna';
    expect((await call('GET', asked, { minor: 10 })).status).toBe(200);
    expect((await call('GET', asked, { minor: 9 })).status).toBe(404);
    expect((await call('GET', asked, { as: 'otto', minor: 10 })).status).toBe(403);
    const forOtto = { name: 'k9', public_key: publicKey, user_id: 'user-otto' };
    expect((await create(service, forOtto, 10, 'admin')).status).toBe(201);
    expect((await create(service, forOtto, 10)).status).toBe(403);
    expect((await call('GET', '/os-keypairs/k9', { as: 'otto' })).status).toBe(200);
    expect((await call('DELETE', '/os-keypairs/k9?user_id=user-otto', { minor: 10 })).status).toBe(
      204,
    );
  });

  test('lists by name, in pages from 2.35 on', async () => {
    const service = resourceService();
    for (const name of ['c', 'a', 'b']) await create(service, { name, public_key: publicKey });
    const names = (body: unknown) =>
      (body as { keypairs: Created[] }).keypairs.map(({ keypair }) => keypair['name']);
    const list = (path: string, minor: number) => service.call('GET', path, { as: 'anna', minor });
    expect(names((await list('/os-keypairs?limit=1', 34)).body)).toEqual(['a', 'b', 'c']);
    const page = await list('/os-keypairs?limit=2', 35);
    expect(names(page.body)).toEqual(['a', 'b']);
    expect(page.body).toMatchObject({
      keypairs_links: [
        {
          rel: 'next',
          href: 'http://localhost:80/compute/v2.1/os-keypairs?limit=2&marker=b',
        },
      ],
    });
    expect(names((await list('/os-keypairs?limit=2&marker=b', 35)).body)).toEqual(['c']);
    expect((await list('/os-keypairs?marker=x', 35)).status).toBe(400);
    expect((await list('/os-keypairs?colour=red', 75)).status).toBe(400);
  });
});

test('deletes with the code of each microversion', async () => {
  const service = resourceService();
  await create(service, { public_key: publicKey });
  expect(await service.call('DELETE', '/os-keypairs/k', { as: 'anna' })).toMatchObject({
    status: 202,
    body: undefined,
  });
  expect((await service.call('DELETE', '/os-keypairs/k', { as: 'anna' })).status).toBe(404);
  await create(service, { public_key: publicKey });
  expect((await service.call('DELETE', '/os-keypairs/k', { as: 'anna', minor: 2 })).status).toBe(
    204,
  );
});
