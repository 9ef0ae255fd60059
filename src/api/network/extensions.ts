// The extensions that work here, as /v2.0/extensions lists them: clients choose by alias what they do. A table.
// Aliases, names and dates are Neutron's. What is not built is not listed.

export interface Extension {
  readonly alias: string;
  readonly name: string;
  readonly description: string;
  readonly updated: string;
  readonly links: readonly never[];
}

function extension(alias: string, name: string, updated: string, description: string): Extension {
  return { alias, name, description, updated, links: [] };
}

export const extensions: readonly Extension[] = [
  extension(
    'allowed-address-pairs',
    'Allowed Address Pairs',
    '2013-07-23T10:00:00-00:00',
    'Further addresses that a port may send from',
  ),
  extension(
    'binding',
    'Port Binding',
    '2014-02-03T10:00:00-00:00',
    'Where a port is in use, for administrators',
  ),
  extension(
    'empty-string-filtering',
    'Empty String Filtering Extension',
    '2018-05-01T10:00:00-00:00',
    'Filters by empty values',
  ),
  extension(
    'external-net',
    'Neutron external network',
    '2013-01-14T10:00:00-00:00',
    'Marks networks that lead outside',
  ),
  extension(
    'ext-gw-mode',
    'Neutron L3 Configurable external gateway mode',
    '2013-03-28T10:00:00-00:00',
    'Routers tell whether they translate source addresses, as data',
  ),
  extension(
    'extraroute',
    'Neutron Extra Route',
    '2013-02-01T10:00:00-00:00',
    'Routers have static routes, as data',
  ),
  extension(
    'filter-validation',
    'Filter parameters validation',
    '2018-07-04T10:00:00-00:00',
    'Unknown filters are refused',
  ),
  extension(
    'ip-substring-filtering',
    'IP address substring filtering',
    '2017-11-28T09:00:00-00:00',
    'Filters ports by part of an address',
  ),
  extension('net-mtu', 'Network MTU', '2015-03-25T10:00:00-00:00', 'Shows the MTU of a network'),
  extension(
    'net-mtu-writable',
    'Network MTU (writable)',
    '2017-07-12T00:00:00-00:00',
    'Sets the MTU of a network',
  ),
  extension(
    'network-ip-availability',
    'Network IP Availability',
    '2015-09-24T00:00:00-00:00',
    'Counts the addresses of networks, in all and in use',
  ),
  extension('pagination', 'Pagination support', '2016-06-12T00:00:00-00:00', 'Lists in pages'),
  extension(
    'port-security',
    'Port Security',
    '2012-07-23T10:00:00-00:00',
    'Says whether a port is to be guarded',
  ),
  extension(
    'port-security-groups-filtering',
    'Port filtering on security groups',
    '2018-01-09T09:00:00-00:00',
    'Filters ports by security group',
  ),
  extension(
    'project-id',
    'project_id field enabled',
    '2016-09-09T09:09:09-09:09',
    'Resources tell project_id beside tenant_id',
  ),
  extension(
    'provider',
    'Provider Network',
    '2012-09-07T10:00:00-00:00',
    'What a network is made of, for administrators',
  ),
  extension(
    'quotas',
    'Quota management support',
    '2012-07-29T10:00:00-00:00',
    'Quotas of projects',
  ),
  extension(
    'quota_details',
    'Quota details management support',
    '2017-02-10T10:00:00-00:00',
    'Quotas with what is used of them',
  ),
  extension(
    'revision-if-match',
    'If-Match constraints based on revision_number',
    '2016-12-11T00:00:00-00:00',
    'Changes only what is at a known revision',
  ),
  extension(
    'router',
    'Neutron L3 Router',
    '2012-07-20T10:00:00-00:00',
    'Routers and floating addresses, as data',
  ),
  extension(
    'security-group',
    'security-group',
    '2012-10-05T10:00:00-00:00',
    'Security groups and their rules, as data',
  ),
  extension(
    'security-groups-normalized-cidr',
    'Normalized CIDR field for security group rules',
    '2020-07-28T10:00:00-00:00',
    'Rules tell their prefix without host bits',
  ),
  extension(
    'sort-key-validation',
    'Sort keys validation',
    '2018-07-04T10:00:00-00:00',
    'Unknown sort keys are refused',
  ),
  extension('sorting', 'Sorting support', '2016-06-12T00:00:00-00:00', 'Lists in order'),
  extension(
    'standard-attr-description',
    'standard-attr-description',
    '2016-02-10T10:00:00-00:00',
    'Resources have descriptions',
  ),
  extension(
    'standard-attr-revisions',
    'Resource revision numbers',
    '2016-04-11T10:00:00-00:00',
    'Resources tell how often they were changed',
  ),
  extension(
    'standard-attr-timestamp',
    'Resource timestamps',
    '2016-09-12T10:00:00-00:00',
    'Resources tell when they were made and changed',
  ),
  extension(
    'stateful-security-group',
    'Stateful security group',
    '2019-11-26T09:00:00-00:00',
    'Security groups tell whether they are stateful',
  ),
  extension('tag', 'Tag support', '2016-01-01T00:00:00-00:00', 'Networks have tags'),
];
