// The catalogue as tokens carry it: enabled endpoints of enabled services, with addresses that lead back through the
// host that this client used.
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

/** An endpoint whose address needs a project is left out of tokens that have none. */
export function renderCatalog(state: IdentityState, fields: UrlFields): readonly object[] {
  const endpoints = Map.groupBy(
    valuesOf(state.endpoints).filter((endpoint) => endpoint.enabled),
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
