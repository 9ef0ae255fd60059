// Where a host of this process gives images of servers to: the image service itself. Those of compute members send them
// over HTTP (controller-world.ts).
import type { Refusal } from '#runtime/message/refusal.ts';
import type { ImageWriter } from '../ports/image-writer.ts';
import type { Machine } from './machine.ts';
import { NodeFault } from './protocol.ts';

export function writerSink(writer: () => Pick<ImageWriter, 'upload'>): Machine['imageSink'] {
  return async ({ imageId, requestId, bytes }) => {
    const refused = await writer().upload(imageId, bytes, requestId);
    if (refused !== undefined) throw refusedUpload(imageId, refused);
  };
}

/** An earlier upload that is still under way, or a store that is away, passes; all else does not. */
export function refusedUpload(imageId: string, { refused, detail }: Refusal): NodeFault {
  const isPassing =
    refused === 'image-interrupted' || (refused === 'image-status' && detail['from'] === 'saving');
  const reason = typeof detail['reason'] === 'string' ? `: ${detail['reason']}` : '';
  return new NodeFault(
    isPassing ? 'image-service' : 'hypervisor',
    `the image service did not take image ${imageId} (${refused}${reason})`,
    { retryable: isPassing },
  );
}
