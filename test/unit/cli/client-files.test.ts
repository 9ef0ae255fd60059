import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeClientFiles } from '#cli/client-files.ts';
import { loadSecrets, type Secrets } from '#cli/secrets.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'kilonova-clients-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const url = 'http://[::1]:8774';
const secretsOf = (userPassword: string): Secrets => ({
  cluster: 'c',
  adminPassword: 'admin-secret',
  userPassword,
  tokenKeys: [],
});

/** Values as YAML reads them when it is double quoted, as all of ours are: JSON is YAML. */
function cloudsIn(text: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const clouds: Record<string, Record<string, string>> = {};
  let cloud: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, indent = '', key = '', value = ''] = /^( *)([\w-]+):(?: (.*))?$/.exec(line) ?? [];
    if (indent.length === 2) clouds[key] = cloud = {};
    else if (value !== '') cloud[key] = JSON.parse(value) as string;
  }
  return clouds;
}

const awkward = [
  ['plain', 'RegionOne', 'abc-DEF_123'],
  ['like numbers', '1e5', '0x12345678'],
  ['like other YAML', 'yes', '- &a [b]: {c} #d'],
  ['with quotes', `it's "home"`, `'"'"'`],
  ['with shell in them', '$(touch /tmp/x)`id`', '$HOME \\ ; exit 1'],
  ['with line breaks', 'a\nb', 'c\td'],
  ['beyond ASCII', 'Zürich \u2028', '\u{1F600}'],
] as const;

describe.each(awkward)('values %s', (_what, region, password) => {
  beforeEach(() => writeClientFiles(data, { url, region, secrets: secretsOf(password) }));

  it('come out of clouds.yaml as they went in', () => {
    const clouds = cloudsIn(readFileSync(join(data, 'clouds.yaml'), 'utf8'));
    const shared = {
      auth_url: `${url}/identity/v3`,
      user_domain_name: 'Default',
      project_domain_name: 'Default',
      region_name: region,
      identity_api_version: '3',
    };
    expect(clouds).toEqual({
      kilonova: { ...shared, username: 'demo', password, project_name: 'demo' },
      'kilonova-admin': {
        ...shared,
        username: 'admin',
        password: 'admin-secret',
        project_name: 'admin',
      },
    });
  });

  it('come out of openrc as they went in, in a shell', () => {
    const script =
      '. ./openrc; printf "%s\\0" "$OS_REGION_NAME" "$OS_PASSWORD" "$OS_AUTH_URL" "${OS_CLOUD-unset}"';
    const { stdout, status } = spawnSync('sh', ['-c', script], {
      cwd: data,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', OS_CLOUD: 'other' },
    });
    expect({ status, values: stdout.split('\0').slice(0, -1) }).toEqual({
      status: 0,
      values: [region, password, `${url}/identity/v3`, 'unset'],
    });
  });
});

it('the files are for their owner only', () => {
  writeClientFiles(data, { url, region: 'r', secrets: secretsOf('p') });
  const modes = ['clouds.yaml', 'openrc'].map((name) => statSync(join(data, name)).mode & 0o777);
  expect(modes).toEqual([0o600, 0o600]);
});

describe('the secrets', () => {
  it('are made once and kept, for their owner only', () => {
    const made = loadSecrets(data);
    expect(loadSecrets(data)).toEqual(made);
    expect(statSync(join(data, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(new Set([made.adminPassword, made.userPassword, made.tokenKeys[0]?.secret]).size).toBe(
      3,
    );
    expect(Buffer.from(made.tokenKeys[0]?.secret ?? '', 'base64')).toHaveLength(32);
  });

  it('that can not be read are not made anew', async () => {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(data, 'secrets.json'), '{ "cluster": ');
    expect(() => loadSecrets(data)).toThrow(`${join(data, 'secrets.json')} can't be read`);
  });
});
