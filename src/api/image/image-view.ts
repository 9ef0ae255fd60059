// Images and members as clients see them. Pure. Links are relative to the endpoint, as Glance's are.
import type { ImageMember, ImageState } from '#actors/services/image/state.ts';

export function renderImage(image: ImageState): Record<string, unknown> {
  const { attributes, file } = image;
  return {
    ...image.properties,
    name: attributes.name,
    disk_format: attributes.diskFormat,
    container_format: attributes.containerFormat,
    visibility: attributes.visibility,
    size: file?.sizeBytes ?? null,
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
