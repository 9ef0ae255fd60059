// Images and members as clients see them. Pure. Links are relative to the endpoint, as Glance's are.
import { STORE_ID } from './stores.ts';
import type { ImageMember, ImageState } from '#actors/services/image/state.ts';

export function renderImage(image: ImageState): Record<string, unknown> {
  const { attributes, file } = image;
  return {
    ...image.properties,
    name: attributes.name,
    disk_format: attributes.diskFormat,
    container_format: attributes.containerFormat,
    visibility: attributes.visibility,
    size: file?.sizeBytes ?? image.staged?.file?.sizeBytes ?? null,
    virtual_size: file?.virtualSizeBytes ?? null,
    status: image.status,
    checksum: file?.md5 ?? null,
    protected: attributes.protected,
    min_ram: attributes.minRamMiB,
    min_disk: attributes.minDiskGiB,
    owner: attributes.ownerId === '' ? null : attributes.ownerId,
    os_hidden: attributes.hidden,
    os_hash_algo: file === undefined ? null : 'sha512',
    os_hash_value: file?.sha512 ?? null,
    id: image.id,
    created_at: seconds(image.createdAtMs),
    updated_at: seconds(image.updatedAtMs),
    tags: image.tags,
    self: `/v2/images/${image.id}`,
    file: `/v2/images/${image.id}/file`,
    schema: '/v2/schemas/image',
    ...(file === undefined ? {} : { stores: STORE_ID }),
    ...renderImport(image),
  };
}

/** How the last import stands: Glance tells it by properties that no one else may set. */
function renderImport(image: ImageState): Record<string, unknown> {
  const task = image.tasks.at(-1);
  if (task === undefined) return {};
  const isRunning = task.status === 'processing';
  return {
    ...(isRunning ? { os_glance_import_task: task.id } : {}),
    os_glance_importing_to_stores: isRunning ? STORE_ID : '',
    os_glance_failed_import: task.status === 'failure' ? STORE_ID : '',
  };
}

export function renderMember(imageId: string, member: ImageMember): Record<string, unknown> {
  return {
    member_id: member.projectId,
    image_id: imageId,
    status: member.status,
    created_at: seconds(member.createdAtMs),
    updated_at: seconds(member.updatedAtMs),
    schema: '/v2/schemas/member',
  };
}

/** `2026-01-31T12:00:00Z` */
export function seconds(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
