// Runs parts of the test suites that others wrote, as Debian packages bring them, against a launched cloud: Tempest, and
// the functional tests of openstackclient. stestr runs both; what it prints is read for the outcome.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LaunchedCloud, run } from './launched-cloud.ts';

const PACKAGES = '/usr/lib/python3/dist-packages';
/** For a machine several times slower than ours. */
const RUN_WITHIN_MS = 540_000;
const WORKERS = 2;

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** For people, when something failed. */
  readonly output: string;
}

interface Suite {
  /** Below Debian's directory of Python packages. */
  readonly tests: string;
  readonly names: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What the suites expect to find in a cloud: an image of a known name, another one, and a network to the outside. */
export interface Furnished {
  readonly imageId: string;
  readonly otherImageId: string;
  readonly publicNetworkId: string;
}

export async function furnish(cloud: LaunchedCloud): Promise<Furnished> {
  const admin = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cloud.openstackAdmin(...args);
    if (code !== 0) throw new Error(`openstack ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout.trim();
  };
  const id = ['-f', 'value', '-c', 'id'] as const;
  const file = ['--file', join(cloud.data, 'tiny.raw'), '--disk-format', 'raw'];
  const imageId = await admin('image', 'show', 'tiny', ...id);
  const otherImageId = await admin(
    'image',
    'create',
    '--public',
    ...file,
    'cirros-any-disk',
    ...id,
  );
  const publicNetworkId = await admin('network', 'create', '--external', 'public', ...id);
  const range = ['--network', 'public', '--subnet-range', '172.24.4.0/24', '--no-dhcp'];
  await admin('subnet', 'create', ...range, 'public-subnet');
  return { imageId, otherImageId, publicNetworkId };
}

export async function runTempest(
  cloud: LaunchedCloud,
  furnished: Furnished,
  names: readonly string[],
): Promise<Outcome> {
  const directory = join(cloud.directory, 'tempest');
  const etc = join(directory, 'etc');
  for (const each of [etc, join(directory, 'logs'), join(directory, 'lock')])
    mkdirSync(each, { recursive: true });
  writeFileSync(join(etc, 'tempest.conf'), tempestSettings(cloud, furnished, directory));
  const env = { TEMPEST_CONFIG_DIR: etc, TEMPEST_CONFIG: 'tempest.conf' };
  return runSuite(directory, { tests: 'tempest/test_discover', names, env });
}

export function runClientTests(cloud: LaunchedCloud, names: readonly string[]): Promise<Outcome> {
  const directory = join(cloud.directory, 'client');
  mkdirSync(directory, { recursive: true });
  const env = {
    OS_CLIENT_CONFIG_FILE: join(cloud.data, 'clouds.yaml'),
    OS_ADMIN_CLOUD: 'kilonova-admin',
  };
  return runSuite(directory, { tests: 'openstackclient/tests/functional', names, env });
}

/** Classes stay together: tests of one share what they set up, or names. */
async function runSuite(directory: string, { tests, names, env }: Suite): Promise<Outcome> {
  const settings = [
    '[DEFAULT]',
    `test_path=${join(PACKAGES, tests)}`,
    `top_dir=${PACKAGES}`,
    'group_regex=([^\\.]*\\.)*',
  ];
  writeFileSync(join(directory, '.stestr.conf'), `${settings.join('\n')}\n`);
  const stestr = (...args: readonly string[]) =>
    run('stestr', args, {
      cwd: directory,
      env: { ...env, LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin' },
      timeoutMs: RUN_WITHIN_MS,
    });
  await stestr('init');
  const pattern = `^(${names.map((name) => name.replaceAll('.', String.raw`\.`)).join('|')})(\\[|\\.|$)`;
  const { stdout, stderr } = await stestr('run', '--concurrency', String(WORKERS), pattern);
  return outcomeOf(`${stdout}${stderr}`);
}

function outcomeOf(output: string): Outcome {
  const figure = (name: string): number =>
    Number(new RegExp(` - ${name}: (\\d+)`).exec(output)?.[1] ?? Number.NaN);
  return {
    passed: figure('Passed'),
    failed: figure('Failed'),
    skipped: figure('Skipped'),
    output: output.slice(-20_000),
  };
}

function tempestSettings(cloud: LaunchedCloud, furnished: Furnished, directory: string): string {
  const rc =
    readFileSync(join(cloud.data, 'clouds.yaml'), 'utf8').split('kilonova-admin:')[1] ?? '';
  const setting = (name: string): string => new RegExp(`${name}: "([^"]*)"`).exec(rc)?.[1] ?? '';
  const sections: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    DEFAULT: { log_dir: join(directory, 'logs') },
    auth: {
      admin_username: setting('username'),
      admin_password: setting('password'),
      admin_project_name: setting('project_name'),
      admin_domain_name: 'Default',
    },
    identity: { uri_v3: setting('auth_url'), auth_version: 'v3', v3_endpoint_type: 'public' },
    'identity-feature-enabled': { api_v2: 'False', api_v2_admin: 'False', trust: 'True' },
    service_available: { cinder: 'False', swift: 'False', horizon: 'False' },
    compute: {
      image_ref: furnished.imageId,
      image_ref_alt: furnished.otherImageId,
      flavor_ref: '42',
      flavor_ref_alt: '1',
      ready_wait: '0',
      min_compute_nodes: '2',
      max_microversion: 'latest',
    },
    'compute-feature-enabled': { resize: 'True' },
    network: { public_network_id: furnished.publicNetworkId },
    validation: { run_validation: 'False' },
    oslo_concurrency: { lock_path: join(directory, 'lock') },
  };
  return Object.entries(sections)
    .map(([name, values]) => {
      const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}\n`);
      return `[${name}]\n${lines.join('')}`;
    })
    .join('\n');
}
