// A schema of a network call's body from the service's tables: each attribute's values are those of a fixed choice that
// its own check takes.
import type { Attribute, ResourceTable } from '#api/network/attributes.ts';
import { floatingIpTable, routerTable } from '#api/network/l3-tables.ts';
import {
  groupTable,
  networkTable,
  portTable,
  ruleTable,
  subnetTable,
} from '#api/network/resource-tables.ts';
import type { LooseSchema } from './schema-values.ts';

const ID = '00000000-0000-4000-8000-000000000001';
const tables: Readonly<Record<string, ResourceTable>> = {
  networks: networkTable,
  subnets: subnetTable,
  ports: portTable,
  'security-groups': groupTable,
  'security-group-rules': ruleTable,
  routers: routerTable,
  floatingips: floatingIpTable,
};

const usual: readonly unknown[] = [
  'name',
  '',
  true,
  4,
  6,
  80,
  null,
  'tcp',
  'ingress',
  'egress',
  'IPv4',
  '10.9.0.0/24',
  '10.9.0.7',
  'fd00::/64',
  'fa:16:3e:00:00:09',
  [],
  {},
  [{ start: '10.9.0.9', end: '10.9.0.99' }],
  [{ destination: '10.8.0.0/24', nexthop: '10.9.0.1' }],
  [{ ip_address: '10.9.0.8' }],
  ['192.0.2.1'],
];
const anyId: LooseSchema = { type: 'string', format: 'uuid' };

const interfaceBody: LooseSchema = {
  type: 'object',
  properties: { subnet_id: anyId, port_id: anyId },
};
const gatewayBody: LooseSchema = {
  type: 'object',
  properties: { network_id: anyId, enable_snat: { type: 'boolean' } },
  required: ['network_id'],
};
const quota: LooseSchema = {
  type: 'object',
  properties: {
    network: { type: 'integer' },
    subnet: { type: 'integer' },
    port: { type: 'integer' },
    security_group: { type: 'integer' },
  },
};
const tags: LooseSchema = {
  type: 'object',
  properties: { tags: { type: 'array', items: { type: 'string' } } },
  required: ['tags'],
};

export function networkBody(method: string, path: string): LooseSchema | undefined {
  if (!['POST', 'PUT'].includes(method)) return undefined;
  if (path.endsWith('_router_interface')) return interfaceBody;
  if (path.endsWith('/tags')) return tags;
  if (path.includes('/quotas/')) return wrapped('quota', quota);
  const table = tableOf(path);
  return table === undefined ? undefined : wrapped(table.name, bodySchema(table, method));
}

/** What lists are filtered, sorted and cut by. */
export function networkQuery(path: string): LooseSchema | undefined {
  const table = tableOf(path);
  if (table === undefined) return undefined;
  const filters = Object.keys(table.attributes);
  const names = [...filters, 'fields', 'limit', 'marker', 'sort_key', 'sort_dir', 'page_reverse'];
  const each: LooseSchema = { type: 'array', minItems: 1, items: { type: 'string' } };
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [name, each])) };
}

function tableOf(path: string): ResourceTable | undefined {
  const name = /^\/network\/v2\.0\/([^/]+)/.exec(path)?.[1] ?? '';
  return Object.hasOwn(tables, name) ? tables[name] : undefined;
}

function bodySchema(table: ResourceTable, method: string): LooseSchema {
  const said = Object.entries(table.attributes).filter(([, { post, put }]) =>
    method === 'POST' ? post === true : put === true,
  );
  return {
    type: 'object',
    properties: Object.fromEntries(
      said.map(([name, attribute]) => [name, valueSchema(name, attribute)]),
    ),
    required: said
      .filter(([, { required }]) => method === 'POST' && required === true)
      .map(([name]) => name),
  };
}

function valueSchema(name: string, { check }: Attribute): LooseSchema {
  if (check?.(ID) === undefined && name.endsWith('_id')) return anyId;
  if (name === 'external_gateway_info') return { anyOf: [{ type: 'null' }, gatewayBody] };
  const fitting = usual.filter((value) => fits(check, value));
  return { enum: fitting.length === 0 ? usual : fitting };
}

/** A check that cannot read a value does not take it. */
function fits(check: Attribute['check'], value: unknown): boolean {
  return check?.(value) === undefined;
}

function wrapped(member: string, schema: LooseSchema): LooseSchema {
  return { type: 'object', properties: { [member]: schema }, required: [member] };
}
