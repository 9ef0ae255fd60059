// What the image service's refusals mean in HTTP. Words: Glance's.
import type { ErrorTable } from './entry.ts';

type Detail = Readonly<Record<string, unknown>>;

const limitWords: Readonly<Record<string, string>> = {
  properties: 'image properties',
  tags: 'image tags',
  members: 'image members for this image',
};

function missingFormats({ missing }: Detail): string {
  const names = Array.isArray(missing) ? missing.map(String) : [];
  const noun = names.length === 1 ? 'Property' : 'Properties';
  return `${noun} ${names.join(', ')} must be set prior to saving data.`;
}

const importHindrances: Readonly<Record<string, string>> = {
  active: 'Image with status active cannot be target for import',
  'not-active': 'Only images with status active can be targeted for copying',
  'not-staged': "Image needs to be staged before 'glance-direct' method can be used",
  container_format: "'container_format' needs to be set before import",
  disk_format: "'disk_format' needs to be set before import",
};

function whyNoImport({ hindrance, method }: Detail): string {
  return (
    importHindrances[String(hindrance)] ??
    `Image needs to be in 'queued' state to use '${String(method)}' method`
  );
}

function missingItem({ namespace, kind, name }: Detail): string {
  if (kind === 'resource-type') return `Failed to find resource type ${String(name)} to delete`;
  return (
    `The metadata definition ${String(kind)} with name=${String(name)} was not found in ` +
    `namespace=${String(namespace)}.`
  );
}

function doubledItem({ namespace, kind, name }: Detail): string {
  const where = `namespace=${String(namespace)}`;
  if (kind === 'resource-type')
    return `The metadata definition resource-type association of resource-type=${String(name)} to ${where} already exists.`;
  if (kind === 'tag')
    return (
      `A metadata tag with name=${String(name)} already exists in ${where}. ` +
      '(Please note that metadata tag names are case insensitive).'
    );
  return `A metadata definition ${String(kind)} with name=${String(name)} already exists in ${where}.`;
}

export const imageErrors = {
  'image-not-found': {
    status: 404,
    message: ({ imageId }) => `No image found with ID ${String(imageId)}`,
  },
  'image-forbidden': { status: 403, message: () => 'You do not own this image' },
  'image-exists': {
    status: 409,
    message: ({ imageId }) => `Image ID ${String(imageId)} already exists!`,
  },
  'image-protected': {
    status: 403,
    message: ({ imageId }) => `Image ${String(imageId)} is protected and cannot be deleted.`,
  },
  'image-status': {
    status: 409,
    message: ({ from, to }) =>
      `Image status transition from ${String(from)} to ${String(to)} is not allowed`,
  },
  'image-formats-missing': { status: 400, message: missingFormats },
  'image-format-fixed': {
    status: 403,
    message: ({ attribute }) =>
      `Attribute ${String(attribute)} can be only replaced for a queued image.`,
  },
  'image-property-missing': {
    status: 409,
    message: ({ name }) => `Property ${String(name)} does not exist.`,
  },
  'image-property-present': {
    status: 409,
    message: ({ name }) => `Property ${String(name)} already present.`,
  },
  'image-limit': {
    status: 413,
    message: ({ what, attempted, maximum }) =>
      `The limit has been exceeded on the number of allowed ${limitWords[String(what)]}. ` +
      `Attempted: ${String(attempted)}, Maximum: ${String(maximum)}`,
  },
  'image-gone': {
    status: 410,
    message: ({ imageId }) =>
      `Image ${String(imageId)} could not be found after upload. The image may have been deleted ` +
      'during the upload, cleaning up the chunks uploaded.',
  },
  'image-not-shared': { status: 403, message: () => 'Only shared images have members.' },
  'image-member-exists': {
    status: 409,
    message: ({ imageId, projectId }) =>
      `Member ${String(projectId)} is duplicated for image ${String(imageId)}`,
  },
  'image-member-missing': {
    status: 404,
    message: ({ imageId, projectId }) =>
      `${String(projectId)} not found in the member list of the image ${String(imageId)}.`,
  },
  'image-tag-missing': { status: 404, message: () => 'The resource could not be found.' },
  'image-action-status': {
    status: 403,
    message: ({ action, status }) =>
      `Not allowed to ${String(action)} image in status '${String(status)}'`,
  },
  'image-format-mismatch': {
    status: 400,
    message: ({ declared, found }) =>
      `Image content does not match disk_format: ${String(declared)} was declared, but the bytes ` +
      `are ${String(found)}.`,
  },
  'image-unsafe': {
    status: 400,
    message: ({ format, reason }) =>
      `Image content is refused as ${String(format)}: ${String(reason)}.`,
  },
  'image-too-large': {
    status: 413,
    message: ({ reason }) =>
      `The incoming image is too large: The provided image is too large (${String(reason)}).`,
  },
  'image-no-space': {
    status: 413,
    message: ({ reason }) => `Image storage media is full: ${String(reason)}`,
  },
  'image-interrupted': {
    status: 400,
    message: ({ reason }) => `The upload of image data did not complete: ${String(reason)}`,
  },
  'image-store-failed': {
    status: 503,
    message: ({ reason }) => `Image storage media is not available: ${String(reason)}`,
  },
  'image-import-status': { status: 409, message: whyNoImport },
  'image-quota': {
    status: 413,
    message: ({ projectId, name, limit, usage, delta }) =>
      `Project ${String(projectId)} is over a limit for [Resource ${String(name)} is over limit of ` +
      `${String(limit)} due to current usage ${String(usage)} and delta ${String(delta)}]`,
  },
  'metadef-namespace-missing': {
    status: 404,
    message: ({ namespace }) => `Metadata definition namespace=${String(namespace)} was not found.`,
  },
  'metadef-namespace-exists': {
    status: 409,
    message: ({ namespace }) =>
      `The metadata definition namespace=${String(namespace)} already exists.`,
  },
  'metadef-namespace-protected': {
    status: 403,
    message: ({ namespace }) =>
      `Metadata definition namespace ${String(namespace)} is protected and cannot be deleted.`,
  },
  'metadef-item-missing': { status: 404, message: missingItem },
  'metadef-item-exists': { status: 409, message: doubledItem },
  'metadef-limit': {
    status: 413,
    message: ({ what, maximum }) =>
      `There are as many metadata definition ${String(what)} as are kept: ${String(maximum)}.`,
  },
} as const satisfies ErrorTable;
