// How much of the image service a project uses, and whether more would be over its limits. Pure. Names, units and words
// are those of Glance's unified limits; like Glance's, they are looked at before bytes come in, not while.
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { type ImageState, isListed } from './state.ts';

/** Sizes in MiB; −1 is unlimited. */
export interface ImageQuotas {
  /** Of all images. */
  readonly image_size_total: number;
  /** Of all that is staged. */
  readonly image_stage_total: number;
  readonly image_count_total: number;
  /** Uploads, stagings and imports under way. */
  readonly image_count_uploading: number;
}

const MIB = 1_048_576;
const busy: ReadonlySet<string> = new Set(['saving', 'uploading', 'importing']);

export function usageOf(images: Iterable<ImageState>, projectId: string): ImageQuotas {
  let sizeBytes = 0;
  let stagedBytes = 0;
  let count = 0;
  let uploading = 0;
  for (const image of images) {
    if (!isListed(image) || image.attributes.ownerId !== projectId) continue;
    sizeBytes += image.file?.sizeBytes ?? 0;
    stagedBytes += image.staged?.file?.sizeBytes ?? 0;
    count += 1;
    if (busy.has(image.status)) uploading += 1;
  }
  return {
    image_size_total: Math.ceil(sizeBytes / MIB),
    image_stage_total: Math.ceil(stagedBytes / MIB),
    image_count_total: count,
    image_count_uploading: uploading,
  };
}

/** The refusal for the first limit that `wanted` more would break, or undefined. */
export function overQuota(
  images: Iterable<ImageState>,
  ask: {
    readonly projectId: string;
    readonly quotas: ImageQuotas;
    readonly wanted: Partial<ImageQuotas>;
  },
): Refusal | undefined {
  const { projectId, quotas, wanted } = ask;
  const limited = Object.entries(wanted).filter(
    ([name]) => quotas[name as keyof ImageQuotas] >= 0,
  ) as [keyof ImageQuotas, number][];
  if (limited.length === 0) return undefined;
  const usage = usageOf(images, projectId);
  const broken = limited.find(([name, delta]) => usage[name] + delta > quotas[name]);
  if (broken === undefined) return undefined;
  const [name, delta] = broken;
  return refuse('image-quota', {
    projectId,
    name,
    limit: quotas[name],
    usage: usage[name],
    delta,
  });
}
