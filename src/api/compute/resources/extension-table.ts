// The extensions of the v2 API that clients may ask for, each with the call or field that it once added. Only what
// this service really does is listed: clients (Horizon, Tempest, old novaclient) take the list at its word. Data only.

export interface Extension {
  readonly alias: string;
  readonly name: string;
  readonly description: string;
}

const rows: readonly (readonly [alias: string, name: string, description: string])[] = [
  ['OS-DCF', 'DiskConfig', 'Who partitions the disk of a server.'],
  ['OS-EXT-AZ', 'ExtendedAvailabilityZone', 'The availability zone of a server.'],
  ['OS-EXT-IPS', 'ExtendedIps', 'Whether an address of a server is fixed or floating.'],
  ['OS-EXT-IPS-MAC', 'ExtendedIpsMac', 'The MAC address beside each address of a server.'],
  ['OS-EXT-SRV-ATTR', 'ExtendedServerAttributes', 'Host and instance name of a server.'],
  ['OS-EXT-STS', 'ExtendedStatus', 'Task, power and vm state of a server.'],
  ['OS-FLV-DISABLED', 'FlavorDisabled', 'Whether a flavor is disabled.'],
  ['OS-FLV-EXT-DATA', 'FlavorExtraData', 'Ephemeral disk of a flavor.'],
  ['OS-SCH-HNT', 'SchedulerHints', 'Hints for the choice of a host.'],
  ['OS-SRV-USG', 'ServerUsage', 'When a server was launched and terminated.'],
  ['os-access-ips', 'AccessIPs', 'Addresses by which a server is reached.'],
  ['os-availability-zone', 'AvailabilityZone', 'Zones that servers can ask for.'],
  ['os-config-drive', 'ConfigDrive', 'A drive with metadata for a server.'],
  ['os-console-output', 'ConsoleOutput', 'The log of the serial console.'],
  ['os-consoles', 'Consoles', 'Consoles of servers.'],
  ['os-create-server-ext', 'Createserverext', 'Servers shown with all extensions at create.'],
  ['os-extended-hypervisors', 'ExtendedHypervisors', 'The address of a hypervisor.'],
  ['os-extended-quotas', 'ExtendedQuotas', 'Forced changes and removal of quotas.'],
  ['os-extended-services', 'ExtendedServices', 'Why a service is disabled.'],
  ['os-extended-services-delete', 'ExtendedServicesDelete', 'Removal of services.'],
  ['os-flavor-access', 'FlavorAccess', 'Private flavors shared with projects.'],
  ['os-flavor-extra-specs', 'FlavorExtraSpecs', 'Free-form requirements of flavors.'],
  ['os-flavor-manage', 'FlavorManage', 'Making and deleting flavors.'],
  ['os-flavor-rxtx', 'FlavorRxtx', 'The network share of a flavor.'],
  ['os-flavor-swap', 'FlavorSwap', 'Swap space of a flavor.'],
  ['os-hosts', 'Hosts', 'Hosts by service.'],
  ['os-hypervisor-status', 'HypervisorStatus', 'Whether a hypervisor is up and enabled.'],
  ['os-hypervisors', 'Hypervisors', 'Hypervisors and what they have.'],
  ['os-instance-actions', 'InstanceActions', 'What was done to a server, and by whom.'],
  ['os-keypairs', 'Keypairs', 'Public keys of users.'],
  ['os-lock-server', 'LockServer', 'Locking servers against changes.'],
  ['os-migrations', 'Migrations', 'Moves of servers between hosts.'],
  ['os-multiple-create', 'MultipleCreate', 'Several servers in one request.'],
  ['os-pause-server', 'PauseServer', 'Pausing servers.'],
  ['os-personality', 'Personality', 'Files put into a server at create.'],
  ['os-quota-class-sets', 'QuotaClasses', 'Quota for classes of projects.'],
  ['os-quota-sets', 'Quotas', 'Quota of projects.'],
  ['os-server-list-multi-status', 'ServerListMultiStatus', 'Lists filtered by several states.'],
  ['os-server-sort-keys', 'ServerSortKeys', 'Lists sorted by given keys.'],
  ['os-server-start-stop', 'ServerStartStop', 'Starting and stopping servers.'],
  ['os-services', 'Services', 'Services and whether they are up.'],
  ['os-simple-tenant-usage', 'SimpleTenantUsage', 'How long servers of projects ran.'],
  ['os-suspend-server', 'SuspendServer', 'Suspending servers.'],
  ['os-used-limits', 'UsedLimits', 'Use beside the limits.'],
  ['os-used-limits-for-admin', 'UsedLimitsForAdmin', 'Limits of other projects.'],
  ['os-user-data', 'UserData', 'Data given to a server at create.'],
  ['os-user-quotas', 'UserQuotas', 'Quota of users in a project.'],
];

export const extensions: readonly Extension[] = rows.map(([alias, name, description]) => ({
  alias,
  name,
  description,
}));
