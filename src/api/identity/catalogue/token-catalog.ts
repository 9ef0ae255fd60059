// The catalogue as tokens carry it: enabled endpoints of enabled services, with addresses that lead back through the
// host that this client used.
import type { EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { entriesOwnedBy, findEntry } from '#actors/services/identity/entries/tables.ts';
import type { Endpoint } from '#actors/services/identity/records.ts';
import type { IdentityState } from '#actors/services/identity/state.ts';
import { valuesOf } from '#actors/services/identity/table.ts';

export interface UrlFields {
  /** `http://host:port` */
  readonly base: string;
  readonly projectId?: string | undefined;
  readonly userId?: string | undefined;
}

/** `$(project_id)s` and its older forms stay as they are where there is no project to fill in. */
export function endpointUrl(template: string, fields: UrlFields): string {
  const values: Readonly<Record<string, string | undefined>> = {
    project_id: fields.projectId,
    tenant_id: fields.projectId,
    user_id: fields.userId,
  };
  return template
    .replace('{base}', fields.base)
    .replaceAll(/[$%]\((\w+)\)s/g, (field, name: string) => values[name] ?? field);
}

/** Endpoints given to a project, one by one and through groups; empty where nothing was given. */
export function endpointsOfProject(state: IdentityState, projectId: string): readonly Endpoint[] {
  const given = new Set(
    entriesOwnedBy(state, `project:${projectId}`, 'project-endpoint').map(
      ({ endpointId }) => endpointId,
    ),
  );
  const groups = entriesOwnedBy(state, `project:${projectId}`, 'project-endpoint-group').flatMap(
    ({ endpointGroupId }) => findEntry(state, 'endpoint-group', endpointGroupId) ?? [],
  );
  if (given.size === 0 && groups.length === 0) return [];
  return valuesOf(state.endpoints).filter(
    (endpoint) => given.has(endpoint.id) || groups.some((group) => isInGroup(endpoint, group)),
  );
}

export function isInGroup(endpoint: Endpoint, { filters }: EntryRecord<'endpoint-group'>): boolean {
  const attributes: Readonly<Record<string, unknown>> = {
    service_id: endpoint.serviceId,
    region_id: endpoint.regionId,
    interface: endpoint.interface,
  };
  return Object.entries(filters).every(([name, wanted]) => attributes[name] === wanted);
}

/** A project to which nothing was given sees all there is. */
function visibleEndpoints(
  state: IdentityState,
  projectId: string | undefined,
): readonly Endpoint[] {
  const given = projectId === undefined ? [] : endpointsOfProject(state, projectId);
  return given.length === 0 ? valuesOf(state.endpoints) : given;
}

/** An endpoint whose address needs a project is left out of tokens that have none. */
export function renderCatalog(state: IdentityState, fields: UrlFields): readonly object[] {
  const endpoints = Map.groupBy(
    visibleEndpoints(state, fields.projectId).filter((endpoint) => endpoint.enabled),
    (endpoint) => endpoint.serviceId,
  );
  return valuesOf(state.services)
    .filter((service) => service.enabled)
    .toSorted((one, other) => (one.type < other.type ? -1 : 1))
    .map((service) => ({
      id: service.id,
      type: service.type,
      name: typeof service.extra.name === 'string' ? service.extra.name : '',
      endpoints: (endpoints.get(service.id) ?? [])
        .map((endpoint) => ({
          id: endpoint.id,
          interface: endpoint.interface,
          region: endpoint.regionId ?? null,
          region_id: endpoint.regionId ?? null,
          url: endpointUrl(endpoint.url, fields),
        }))
        .filter(({ url }) => !/[$%]\(\w+\)s/.test(url)),
    }));
}
