// Entries of all kinds: what must exist for one to be made, what must be unique, and what may not go yet.
import { Value } from 'typebox/value';
import { findEntry, entriesOwnedBy } from '../entries/tables.ts';
import {
  type Entry,
  entrySchemas,
  type Limit,
  type RegisteredLimit,
  type Trust,
} from '../entries/schemas.ts';
import type { IdentityEvent } from '../protocol.ts';
import { rolesOn } from '../roles.ts';
import type { IdentityState } from '../state.ts';
import { lookUp } from '../table.ts';
import { type Decider, type Deciders, done, merge, notFound, same } from './outcome.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

const exchange: Decider<'identity.exchange-request-token'> = (
  state,
  { id, verifier, accessToken },
) => {
  if (findEntry(state, 'access-token', accessToken.id) !== undefined) return done();
  const granted = findEntry(state, 'request-token', id);
  if (granted === undefined) return notFound('request token', id);
  const { authorizingUserId, roleIds, consumerId, projectId } = granted;
  if (authorizingUserId === undefined || roleIds === undefined)
    return refuse('request-token-not-authorized', {});
  if (granted.verifier !== verifier) return refuse('request-token-verifier-wrong', {});
  const record = { ...accessToken, consumerId, projectId, authorizingUserId, roleIds };
  return done(
    { type: 'identity.entry-removed', kind: 'request-token', id },
    { type: 'identity.entry-stored', entry: { kind: 'access-token', record } },
  );
};

export const entryDeciders: Deciders<
  | 'identity.add-entries'
  | 'identity.change-entry'
  | 'identity.remove-entry'
  | 'identity.use-trust'
  | 'identity.exchange-request-token'
> = {
  'identity.add-entries': (state, { entries }, { nowMs }) => {
    const fresh = entries.filter(({ kind, record }) => {
      const existing = findEntry(state, kind, record.id);
      return existing === undefined || !same(existing, record);
    });
    for (const [at, entry] of fresh.entries()) {
      const stop = additionClash(state, entry) ?? twinClash(entry, fresh.slice(0, at));
      if (stop !== undefined) return stop;
    }
    return done(
      ...fresh.flatMap((entry) => endedBefore(state, entry, nowMs)),
      ...fresh.map((entry) => ({ type: 'identity.entry-stored' as const, entry })),
    );
  },
  'identity.change-entry': (state, { kind, id, changes }) => {
    const record = findEntry(state, kind, id);
    if (record === undefined) return notFound(kind, id);
    const updated = merge<object>(record, changes);
    if (!Value.Check(entrySchemas[kind], updated))
      return refuse('identity-entry-malformed', { kind, id });
    if (same(record, updated)) return done();
    const entry = { kind, record: updated } as Entry;
    const stop = changeClash(state, { kind, record } as Entry, entry);
    return stop ?? done({ type: 'identity.entry-stored', entry });
  },
  'identity.remove-entry': (state, { kind, id }) => {
    const record = findEntry(state, kind, id);
    if (record === undefined) return done();
    const stop =
      kind === 'registered-limit' ? limitsClash(state, record as RegisteredLimit) : undefined;
    return stop ?? done({ type: 'identity.entry-removed', kind, id });
  },
  'identity.exchange-request-token': exchange,
  'identity.use-trust': (state, { id }) => {
    const trust = findEntry(state, 'trust', id);
    if (trust === undefined) return notFound('trust', id);
    const { remainingUses } = trust;
    if (remainingUses === undefined) return done();
    if (remainingUses < 1) return refuse('trust-used-up', { id });
    const record = { ...trust, remainingUses: remainingUses - 1 };
    return done({ type: 'identity.entry-stored', entry: { kind: 'trust', record } });
  },
};

/** A consumer that asks anew makes room: what it asked for and nobody agreed to in time is forgotten. */
function endedBefore(state: IdentityState, entry: Entry, nowMs: number): readonly IdentityEvent[] {
  if (entry.kind !== 'request-token') return [];
  return entriesOwnedBy(state, `consumer:${entry.record.consumerId}`, 'request-token')
    .filter(({ expiresAtMs }) => expiresAtMs <= nowMs)
    .map(({ id }) => ({ type: 'identity.entry-removed', kind: 'request-token', id }));
}

function additionClash(state: IdentityState, entry: Entry): Refusal | undefined {
  const { kind, record } = entry;
  if (findEntry(state, kind, record.id) !== undefined)
    return refuse('identity-entry-exists', { kind, id: record.id });
  switch (kind) {
    case 'credential':
      return missing(state, { user: record.userId, project: record.projectId });
    case 'trust':
      return trustClash(state, record);
    case 'registered-limit':
      return (
        missingReference(state, { service: record.serviceId, region: record.regionId }) ??
        (registeredFor(state, record) === undefined
          ? undefined
          : refuse('limit-exists', { kind, resourceName: record.resourceName }))
      );
    case 'limit':
      return limitClash(state, record);
    case 'domain-config':
      return missing(state, { domain: record.id });
    case 'identity-provider':
      return missing(state, { domain: record.domainId });
    case 'project-endpoint':
      return missing(state, { endpoint: record.endpointId, project: record.projectId });
    case 'project-endpoint-group':
      return missing(state, { project: record.projectId });
    default:
      return undefined;
  }
}

function changeClash(state: IdentityState, before: Entry, after: Entry): Refusal | undefined {
  if (before.kind !== 'registered-limit' || after.kind !== 'registered-limit') return undefined;
  const { serviceId, regionId, resourceName } = before.record;
  const moved = !same({ serviceId, regionId, resourceName }, placeOf(after.record));
  if (!moved) return undefined;
  const twin = registeredFor(state, after.record);
  if (twin !== undefined && twin.id !== after.record.id)
    return refuse('limit-exists', { kind: before.kind, resourceName });
  return (
    limitsClash(state, before.record) ??
    missingReference(state, { service: after.record.serviceId, region: after.record.regionId })
  );
}

type Place = Pick<RegisteredLimit, 'serviceId' | 'regionId' | 'resourceName'>;

function placeOf({ serviceId, regionId, resourceName }: Place): object {
  return { serviceId, regionId, resourceName };
}

function registeredFor(state: IdentityState, place: Place): RegisteredLimit | undefined {
  return entriesOwnedBy(state, `limited-service:${place.serviceId}`, 'registered-limit').find(
    (other) => same(placeOf(other), placeOf(place)),
  );
}

/** A default that limits are made from stays as long as they do. */
function limitsClash(state: IdentityState, registered: RegisteredLimit): Refusal | undefined {
  const used = entriesOwnedBy(state, `limited-service:${registered.serviceId}`, 'limit').some(
    (limit) => same(placeOf(limit), placeOf(registered)),
  );
  return used ? refuse('registered-limit-in-use', { id: registered.id }) : undefined;
}

function limitClash(state: IdentityState, limit: Limit): Refusal | undefined {
  const stop = missingReference(state, {
    service: limit.serviceId,
    region: limit.regionId,
    project: limit.projectId,
    domain: limit.domainId,
  });
  if (stop !== undefined) return stop;
  if (registeredFor(state, limit) === undefined) return refuse('limit-not-registered', {});
  const twins = entriesOwnedBy(state, `limited-service:${limit.serviceId}`, 'limit');
  return twins.some((other) => sameLimit(other, limit))
    ? refuse('limit-exists', { kind: 'limit', resourceName: limit.resourceName })
    : undefined;
}

function sameLimit(one: Limit, other: Limit): boolean {
  return (
    same(placeOf(one), placeOf(other)) &&
    one.projectId === other.projectId &&
    one.domainId === other.domainId
  );
}

/** Two limits of one request that are the same one. */
function twinClash(entry: Entry, earlier: readonly Entry[]): Refusal | undefined {
  const { kind } = entry;
  if (kind !== 'limit' && kind !== 'registered-limit') return undefined;
  const twin = earlier.some((other) =>
    other.kind === 'limit' && entry.kind === 'limit'
      ? sameLimit(other.record, entry.record)
      : other.kind === kind && same(placeOf(other.record), placeOf(entry.record)),
  );
  const { resourceName } = entry.record;
  return twin ? refuse('limit-exists', { kind, resourceName }) : undefined;
}

/** The trustor must hold what is passed on, and a trust that is passed on can't become more. */
function trustClash(state: IdentityState, trust: Trust): Refusal | undefined {
  const { trustorUserId, trusteeUserId, projectId, roleIds } = trust;
  const stop = missing(state, { user: trusteeUserId, project: projectId });
  if (stop !== undefined) return stop;
  if (projectId === undefined) return undefined;
  const first = firstOf(state, trust);
  const scope = { kind: 'project' as const, id: projectId };
  const held = new Set(
    rolesOn(state, first?.trustorUserId ?? trustorUserId, scope).map(({ id }) => id),
  );
  const lacking = roleIds.find((id) => !held.has(id));
  return lacking === undefined ? undefined : notFound('role', lacking);
}

/** The trust at the beginning of a chain of redelegations. */
function firstOf(state: IdentityState, trust: Trust): Trust | undefined {
  let first: Trust | undefined;
  let id = trust.redelegatedTrustId;
  while (id !== undefined) {
    first = findEntry(state, 'trust', id);
    id = first?.redelegatedTrustId;
  }
  return first;
}

type References = Readonly<
  Partial<Record<'user' | 'project' | 'domain' | 'service' | 'region' | 'endpoint', string>>
>;

function lacking(state: IdentityState, references: References): [string, string] | undefined {
  const tables = {
    user: state.users,
    project: state.projects,
    domain: state.domains,
    service: state.services,
    region: state.regions,
    endpoint: state.endpoints,
  };
  return Object.entries(references).find(
    ([kind, id]) =>
      id !== undefined && lookUp<unknown>(tables[kind as keyof References], id) === undefined,
  );
}

function missing(
  state: IdentityState,
  references: { readonly [K in keyof References]: string | undefined },
): Refusal | undefined {
  const found = lacking(state, references as References);
  return found === undefined ? undefined : notFound(...found);
}

/** For limits: what their fields name must be there, or the body is at fault. */
function missingReference(
  state: IdentityState,
  references: { readonly [K in keyof References]: string | undefined },
): Refusal | undefined {
  const found = lacking(state, references as References);
  return found === undefined
    ? undefined
    : refuse('limit-reference-missing', { attribute: `${found[0]}_id`, id: found[1] });
}
