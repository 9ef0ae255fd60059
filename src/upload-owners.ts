// Whose upload of an image is whose, among controllers that share the image service's files: an upload's id names the
// member that takes it and the start of it. One that lives is asked; one that is gone is at nothing any more.
import type { UploadOwners } from '#actors/services/image/upload.ts';
import type { Membership } from '#runtime/membership/membership.ts';
import type { Message, Received, Transport } from '#runtime/transport/port.ts';
import { TransportFault } from '#runtime/transport/port.ts';

export const UPLOAD = 'cluster.upload';
const VERSION = 1;
const ASK_MS = 2_000;

export function uploadOwners(membership: Membership, transport: Transport): UploadOwners {
  return {
    prefix: `${membership.self}/${membership.incarnation}/`,
    mayWrite: () => membership.hasLease,
    isUnderWay: async (uploadId) => {
      const [member, incarnation] = uploadId.split('/');
      if (member === undefined || incarnation === undefined) return false;
      if (!membership.isAlive(member, Number(incarnation))) return false;
      return askOwner(transport, member, uploadId);
    },
  };
}

/** What can't be heard is taken for a yes: it is asked again, or dies. */
async function askOwner(transport: Transport, member: string, uploadId: string): Promise<boolean> {
  const message: Message = { type: UPLOAD, version: VERSION, body: { uploadId } };
  try {
    const answer = await transport.ask(member, message, { deadlineMs: ASK_MS });
    return (answer as { readonly isLive?: unknown } | null)?.isLive !== false;
  } catch (error) {
    if (error instanceof TransportFault) return true;
    throw error;
  }
}

export function uploadIdOf({ body }: Received): string {
  const { uploadId } = (body ?? {}) as { readonly uploadId?: unknown };
  return typeof uploadId === 'string' ? uploadId : '';
}
