// What the query of an image list asks for. Pure but for the faults it throws. Names are Nova's; others are ignored.
import type { ImageRecord } from '#actors/ports/images.ts';
import { badRequest } from '../../envelope.ts';
import type { ComputeCall } from '../../route.ts';

type Filter = (image: ImageRecord) => boolean;

const named: Readonly<Record<string, (value: string) => Filter>> = {
  name: (value) => (image) => image.name === value,
  status: (value) => (image) => image.status === value.toLowerCase(),
  'changes-since': (value) => changedSince(value),
  server: (value) => hasProperty('instance_uuid', value.slice(value.lastIndexOf('/') + 1)),
  type: (value) => hasProperty('image_type', value),
  minRam: (value) => (image) => String(image.minRamMiB) === value,
  minDisk: (value) => (image) => String(image.minDiskGiB) === value,
};

export function filterOf(call: ComputeCall): Filter {
  const filters = Object.entries(call.query).flatMap(([name, values]) => {
    const value = values.at(-1) ?? '';
    const known = Object.hasOwn(named, name) ? named[name] : undefined;
    if (known !== undefined) return [known(value)];
    return name.startsWith('property-') ? [hasProperty(name.slice('property-'.length), value)] : [];
  });
  return (image) => filters.every((fits) => fits(image));
}

function hasProperty(name: string, value: string): Filter {
  return ({ properties }) => Object.hasOwn(properties, name) && properties[name] === value;
}

function changedSince(value: string): Filter {
  // A plus in a query that nobody escaped has become a blank.
  const sinceMs = Date.parse(value.trim().replace(' ', '+'));
  if (Number.isNaN(sinceMs))
    throw badRequest('Bad "updated_at" query filter format. Use ISO 8601 DateTime notation.');
  return (image) => image.updatedAtMs >= sinceMs;
}
