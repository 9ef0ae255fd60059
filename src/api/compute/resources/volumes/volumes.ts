// Volumes and their snapshots as compute once passed them on, until 2.35. This cloud has no volume service yet: there are
// no volumes, and none can be made; clients that look for some find none.
import { badRequest, notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { createSnapshot, createVolume, pagedByOffset } from './volume-schemas.ts';

export const NO_VOLUMES = 'This cloud has no volume service: volumes can not be made here.';

interface Proxied {
  readonly path: string;
  readonly collection: string;
  readonly rule: 'os-volumes' | 'os-volumes:snapshots';
  readonly create: ComputeRoute['body'];
  readonly missing: (id: string) => string;
}

const volumes: Proxied = {
  path: '/os-volumes',
  collection: 'volumes',
  rule: 'os-volumes',
  create: createVolume,
  missing: volumeMissing,
};
const snapshots: Proxied = {
  path: '/os-snapshots',
  collection: 'snapshots',
  rule: 'os-volumes:snapshots',
  create: createSnapshot,
  missing: (id) => `Snapshot ${id} could not be found.`,
};

export function volumeMissing(id: string): string {
  return `Volume ${id} could not be found.`;
}

export const volumeRoutes: readonly ComputeRoute[] = [volumes, snapshots].flatMap(routesOf);

type VolumeCall = 'list' | 'create' | 'detail' | 'show' | 'delete';

function routesOf(proxied: Proxied): readonly ComputeRoute[] {
  const { path, collection, rule, create, missing } = proxied;
  const policy = (name: VolumeCall) => `${rule}:${name}` as const;
  const none = () => ({ [collection]: [] });
  const find = (call: ComputeCall): never => {
    throw notFound(missing(call.params['id'] ?? ''));
  };
  const make = (call: ComputeCall): never => {
    const { snapshot } = call.body as { readonly snapshot?: { readonly volume_id: string } };
    throw snapshot === undefined
      ? badRequest(NO_VOLUMES)
      : notFound(volumeMissing(snapshot.volume_id));
  };
  const until = 35;
  const query = pagedByOffset;
  return [
    { method: 'GET', path, until, query, policy: policy('list'), handler: none },
    {
      method: 'POST',
      path,
      until,
      ...(create === undefined ? {} : { body: create }),
      policy: policy('create'),
      handler: make,
    },
    {
      method: 'GET',
      path: `${path}/detail`,
      until,
      query,
      policy: policy('detail'),
      handler: none,
    },
    {
      method: 'GET',
      path: `${path}/:id`,
      until,
      policy: policy('show'),
      handler: find,
    },
    {
      method: 'DELETE',
      path: `${path}/:id`,
      until,
      success: 202,
      policy: policy('delete'),
      handler: find,
    },
  ];
}
