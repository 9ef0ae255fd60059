// What a request is to admission control, by its method and path alone: nothing has been read or checked yet. Pure.

/**
 * free: version documents, by which clients and health checks find their way; always answered. transfer: an image's
 * bytes, which stream and may take hours. read: answered from memory, or a login, which has a queue of its own.
 * create: a write that leaves servers to be built. write: any other that goes to the journal.
 */
export type RequestClass = 'free' | 'transfer' | 'read' | 'create' | 'write';

const VERSION_DOCUMENT = /^\/+(?:[a-z]+\/*(?:v\d[\d.]*|versions)?\/*)?$/;
const IMAGE_BYTES = /^\/+(?:image\/+v2\/+images\/+[^/]+\/+file|internal\/+images\/+[^/]+)\/*$/;
const SERVERS = /^\/+compute\/+v2(?:\.1)?\/+(?:[^/]+\/+)?servers\/*$/;
const LOGIN = /^\/+identity\/+v3\/+auth\/+tokens\/*$/;

export function classOf(method: string, url: string): RequestClass {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const isLooking = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (isLooking && VERSION_DOCUMENT.test(path)) return 'free';
  if (IMAGE_BYTES.test(path)) return 'transfer';
  if (isLooking || LOGIN.test(path)) return 'read';
  return method === 'POST' && SERVERS.test(path) ? 'create' : 'write';
}
