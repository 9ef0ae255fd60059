// Images as Nova's proxy shows them: its own statuses, progress, and links. Pure.
import type { ImageRecord } from '#actors/ports/images.ts';
import type { ComputeCall } from '../../route.ts';

const statuses: Readonly<Partial<Record<ImageRecord['status'], string>>> = {
  active: 'ACTIVE',
  queued: 'SAVING',
  saving: 'SAVING',
  deleted: 'DELETED',
};
const progress: Readonly<Partial<Record<ImageRecord['status'], number>>> = {
  queued: 25,
  saving: 50,
  active: 100,
};

export function renderBasic(call: ComputeCall, image: ImageRecord): object {
  return { id: image.id, name: image.name ?? null, links: linksOf(call, image) };
}

export function renderImage(call: ComputeCall, image: ImageRecord): object {
  const { properties, status } = image;
  const serverId = properties['instance_uuid'];
  const isAuto = properties['auto_disk_config'];
  return {
    ...renderBasic(call, image),
    minRam: image.minRamMiB,
    minDisk: image.minDiskGiB,
    metadata: properties,
    created: seconds(image.createdAtMs),
    updated: seconds(image.updatedAtMs),
    status: statuses[status] ?? 'UNKNOWN',
    progress: progress[status] ?? 0,
    'OS-EXT-IMG-SIZE:size': image.sizeBytes ?? null,
    ...(isAuto === undefined
      ? {}
      : { 'OS-DCF:diskConfig': isAuto.toLowerCase() === 'true' ? 'AUTO' : 'MANUAL' }),
    ...(serverId === undefined ? {} : { server: serverOf(call, serverId) }),
  };
}

/** The server that a snapshot was taken of. */
function serverOf(call: ComputeCall, id: string): object {
  return {
    id,
    links: [
      { rel: 'self', href: `${call.selfBase}/servers/${id}` },
      { rel: 'bookmark', href: `${call.bookmarkBase}/servers/${id}` },
    ],
  };
}

function linksOf(call: ComputeCall, { id }: ImageRecord): readonly object[] {
  return [
    { rel: 'self', href: `${call.selfBase}/images/${id}` },
    { rel: 'bookmark', href: `${call.bookmarkBase}/images/${id}` },
    {
      rel: 'alternate',
      type: 'application/vnd.openstack.image',
      href: `${new URL(call.selfBase).origin}/image/images/${id}`,
    },
  ];
}

function seconds(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
