// The placement API by its real client: a provider under a host is made, filled, chosen, held and taken away. Over simulated
// hosts; needs no root.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LaunchedCloud } from './launched-cloud.ts';

const CHILD = '11111111-1111-4111-8111-111111111111';
const CONSUMER = '33333333-3333-4333-8333-333333333333';
const AGGREGATE = '22222222-2222-4222-8222-222222222222';

let cloud: LaunchedCloud;
beforeAll(async () => {
  cloud = await LaunchedCloud.prepare({ cidr: '10.96.0.0/20', hypervisor: 'simulated' });
  await cloud.up();
});
afterAll(async () => {
  await cloud?.remove();
});

/** What the client prints as JSON; throws with its words if it fails. */
async function ask(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await cloud.openstackAdmin(
    '--os-placement-api-version',
    '1.39',
    ...args,
  );
  if (code !== 0) throw new Error(`openstack ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout.trim() === '' ? undefined : JSON.parse(stdout);
}

const json = ['-f', 'json'] as const;

it('makes a tree, gives it something to offer, and finds candidates in it', async () => {
  const [host] = (await ask('resource', 'provider', 'list', ...json)) as { uuid: string }[];
  const parent = host?.uuid ?? '';
  const place = ['--uuid', CHILD, '--parent-provider', parent];
  const made = await ask('resource', 'provider', 'create', 'card', ...place, ...json);
  expect(made).toMatchObject({ uuid: CHILD, name: 'card', root_provider_uuid: parent });
  await ask('resource', 'class', 'create', 'CUSTOM_CARD');
  await ask('trait', 'create', 'CUSTOM_FAST');
  const inventory = ['--resource', 'CUSTOM_CARD=4', '--resource', 'CUSTOM_CARD:max_unit=2'];
  await ask('resource', 'provider', 'inventory', 'set', CHILD, ...inventory, ...json);
  await ask('resource', 'provider', 'trait', 'set', CHILD, '--trait', 'CUSTOM_FAST', ...json);
  const aggregate = ['--aggregate', AGGREGATE, '--generation', '2'];
  await ask('resource', 'provider', 'aggregate', 'set', CHILD, ...aggregate, ...json);
  const spread = ['--resource', 'VCPU=1'];
  const group = ['--group', '1', '--resource', 'CUSTOM_CARD=1', '--required', 'CUSTOM_FAST'];
  const candidates = await ask('allocation', 'candidate', 'list', ...spread, ...group, ...json);
  expect(candidates).toEqual([
    expect.objectContaining({ 'resource provider': parent, allocation: 'VCPU=1' }),
    expect.objectContaining({ 'resource provider': CHILD, allocation: 'CUSTOM_CARD=1' }),
  ]);
});

it('holds, shows and gives back an allocation', async () => {
  const allocation = ['resource', 'provider', 'allocation'];
  const owner = ['--project-id', 'p', '--user-id', 'u', '--consumer-type', 'THING'];
  const what = ['--allocation', `rp=${CHILD},CUSTOM_CARD=2`];
  await ask(...allocation, 'set', CONSUMER, ...what, ...owner, ...json);
  expect(await ask(...allocation, 'show', CONSUMER, ...json)).toMatchObject([
    { resource_provider: CHILD, resources: { CUSTOM_CARD: 2 }, consumer_type: 'THING' },
  ]);
  expect(await ask('resource', 'provider', 'usage', 'show', CHILD, ...json)).toEqual([
    { resource_class: 'CUSTOM_CARD', usage: 2 },
  ]);
  await expect(ask('resource', 'provider', 'delete', CHILD)).rejects.toThrow(
    'Resource provider has allocations. (HTTP 409)',
  );
  await ask(...allocation, 'delete', CONSUMER);
  await ask('resource', 'provider', 'delete', CHILD);
  expect(await ask('resource', 'provider', 'list', ...json)).toHaveLength(1);
});
