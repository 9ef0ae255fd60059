// A compute member's goodbye: it asks a controller to be taken out of the table, since it has no access to it.
import type { Message, Received } from '#runtime/transport/port.ts';

export const LEAVE = 'cluster.leave';
const VERSION = 1;

export function leaveMessage(force: boolean): Message {
  return { type: LEAVE, version: VERSION, body: { force } };
}

export function isForced({ body }: Received): boolean {
  return (body as { readonly force?: unknown } | null)?.force === true;
}
