// A quick part of the suites that others wrote, over simulated hosts; needs no root. What the whole of them says stands in
// docs/compatibility.md.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Furnished, furnish, runClientTests, runTempest } from './foreign-suites.ts';
import { LaunchedCloud } from './launched-cloud.ts';

let cloud: LaunchedCloud;
let furnished: Furnished;
beforeAll(async () => {
  cloud = await LaunchedCloud.prepare({
    cidr: '10.94.0.0/20',
    hypervisor: 'simulated',
    hosts: 2,
  });
  await cloud.up();
  furnished = await furnish(cloud);
});
afterAll(async () => {
  await cloud?.remove();
});

const compute = 'tempest.api.compute';
const identity = 'tempest.api.identity';
const tempestTests: readonly string[] = [
  `${compute}.admin.test_aggregates.AggregatesAdminTestJSON`,
  `${compute}.flavors.test_flavors.FlavorsV2TestJSON.test_get_flavor`,
  `${compute}.servers.test_create_server.ServersTestJSON`,
  `${compute}.servers.test_create_server.ServersTestManualDisk`,
  `${compute}.servers.test_server_addresses.ServerAddressesTestJSON`,
  `${compute}.servers.test_server_actions.ServerActionsTestJSON.test_reboot_server_hard`,
  `${compute}.servers.test_server_actions.ServerActionsTestJSON.test_remove_server_all_security_groups`,
  `${compute}.servers.test_disk_config.ServerDiskConfigTestJSON.test_resize_server_from_auto_to_manual`,
  `${compute}.security_groups.test_security_groups.SecurityGroupsTestJSON`,
  `${identity}.admin.v3.test_roles.RolesV3TestJSON`,
  `${identity}.admin.v3.test_trusts.TrustsV3TestJSON.test_get_trusts_all`,
  `${identity}.v3.test_api_discovery.TestApiDiscovery`,
  'tempest.api.image.v2.test_images.BasicOperationsImagesTest',
  'tempest.api.network.test_routers.RoutersTest.test_create_show_list_update_delete_router',
];

it('Tempest’s tests of servers, groups, roles, images and routers pass', async () => {
  const { passed, failed, output } = await runTempest(cloud, furnished, tempestTests);
  expect({ failed, output: failed === 0 ? '' : output }).toEqual({ failed: 0, output: '' });
  // Some of these classes have a test that would log in to a guest; those are left out.
  expect(passed).toBeGreaterThanOrEqual(50);
});

const functional = 'openstackclient.tests.functional';
const clientTests: readonly string[] = [
  `${functional}.compute.v2.test_aggregate.AggregateTests.test_aggregate_add_and_remove_host`,
  `${functional}.compute.v2.test_keypair.KeypairTests.test_keypair_create_public_key`,
  `${functional}.image.v2.test_image.ImageTests.test_image_attributes`,
];

it('the openstack client’s own functional tests pass', async () => {
  const { passed, failed, output } = await runClientTests(cloud, clientTests);
  expect({ failed, output: failed === 0 ? '' : output }).toEqual({ failed: 0, output: '' });
  expect(passed).toBe(clientTests.length);
});
