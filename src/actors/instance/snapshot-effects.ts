// What a snapshot or a backup asks of the image service; the work on the disk is an order to the host (effects.ts).
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import type { ServerSnapshot } from '../domain/server-snapshot.ts';
import type { ImageWriter } from '../ports/image-writer.ts';
import type { InstanceState } from './state.ts';

export interface SnapshotWork {
  readonly kind: 'register-image' | 'rotate-backups';
  readonly requestId: string;
}

/** A refusal is final. */
export async function workOnImage(
  images: ImageWriter,
  { kind, requestId }: SnapshotWork,
  state: InstanceState,
): Promise<Refusal | undefined> {
  const snapshot = state.operation?.parameters.snapshot;
  if (snapshot === undefined) return refuse('instance-late-report', { id: state.id });
  if (kind === 'register-image') return images.create(snapshot, requestId);
  await rotate(images, { snapshot, requestId }, state.id);
  return undefined;
}

async function rotate(
  images: ImageWriter,
  { snapshot, requestId }: { readonly snapshot: ServerSnapshot; readonly requestId: string },
  serverId: string,
): Promise<void> {
  if (snapshot.rotation === undefined) return;
  const { backupType, keep } = snapshot.rotation;
  const backups = await images.backupsOf(serverId, backupType);
  for (const imageId of backups.slice(keep)) await images.remove(imageId, requestId);
}

export function refusedImage({ refused, detail }: Refusal): {
  readonly code: number;
  readonly message: string;
  readonly details: string;
} {
  const message = `The image service refused the server's image: ${refused}.`;
  return { code: 500, message, details: JSON.stringify(detail).slice(0, 1_000) };
}
