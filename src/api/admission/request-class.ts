// What a request is to admission control, by its method and path alone: nothing has been read or checked yet. Pure.

/**
 * free: version documents, by which clients and health checks find their way; always answered. transfer: an image's
 * bytes, which stream and may take hours. read: answered from memory, or a login, which has a queue of its own.
 * write: goes to the journal.
 */
export type RequestClass = 'free' | 'transfer' | 'read' | 'write';

const VERSION_DOCUMENT = /^\/+(?:[a-z]+\/*(?:v\d[\d.]*|versions)?\/*)?$/;
const IMAGE_BYTES = /^\/+image\/+v2\/+images\/+[^/]+\/+file\/*$/;
const LOGIN = /^\/+identity\/+v3\/+auth\/+tokens\/*$/;

export function classOf(method: string, url: string): RequestClass {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const isLooking = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (isLooking && VERSION_DOCUMENT.test(path)) return 'free';
  if (IMAGE_BYTES.test(path)) return 'transfer';
  return isLooking || LOGIN.test(path) ? 'read' : 'write';
}
