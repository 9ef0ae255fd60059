// Fetches the bytes behind a URI that a user named. The URI is judged before, and every address that its host has at the
// moment of the connection; the connection goes to the very address that was judged. Redirects are refused unless they
// are allowed, and then judged in the same way. No credentials and no proxy are used.
import { lookup } from 'node:dns';
import { type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type BlockList, type LookupFunction } from 'node:net';
import type { Env } from '#runtime/env/env.ts';
import { DownloadFault, type ImageDownloads } from './imports.ts';
import { blockList, isReachable } from './public-addresses.ts';

export interface WebDownloadRules {
  readonly allowedSchemes: readonly string[];
  readonly allowedPorts: readonly number[];
  /** Names; empty allows all but `deniedHosts`. */
  readonly allowedHosts: readonly string[];
  readonly deniedHosts: readonly string[];
  /** Addresses and `address/bits` beside the public ones. */
  readonly allowedAddresses: readonly string[];
  /** How many redirects are followed. */
  readonly redirects: number;
}

const HEAD_MS = 30_000;
const MAX_URI = 4_096;

export function webDownloads(env: Env, rules: WebDownloadRules): ImageDownloads {
  const allowed = blockList(rules.allowedAddresses);
  return {
    refusedBy: (uri) => refusedBy(uri, rules, allowed),
    open: (uri, signal) => openUri(env, { uri, signal, rules, allowed }),
  };
}

/** Why the URI is refused, as far as it alone tells: what its host's addresses are shows later. */
function refusedBy(uri: string, rules: WebDownloadRules, allowed: BlockList): string | undefined {
  if (uri.length > MAX_URI || !URL.canParse(uri)) return 'it is no URI';
  const { protocol, hostname, port, username, password } = new URL(uri);
  const scheme = protocol.slice(0, -1);
  const host = bare(hostname);
  if (!rules.allowedSchemes.includes(scheme)) return `the scheme ${scheme} is not allowed`;
  if (scheme !== 'http' && scheme !== 'https') return `the scheme ${scheme} is unknown here`;
  if (username !== '' || password !== '') return 'it carries credentials';
  const wanted = port === '' ? (scheme === 'https' ? 443 : 80) : Number(port);
  if (!rules.allowedPorts.includes(wanted)) return `port ${wanted} is not allowed`;
  if (rules.allowedHosts.length > 0 ? !rules.allowedHosts.includes(host) : isDenied(host, rules))
    return `host ${host} is not allowed`;
  if (isIP(host) !== 0 && !isReachable(host, allowed)) return `address ${host} is not public`;
  return undefined;
}

function isDenied(host: string, { deniedHosts }: WebDownloadRules): boolean {
  return deniedHosts.includes(host);
}

/** Without an IPv6 address's brackets, and without the dot that ends a full name. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

interface Download {
  readonly uri: string;
  readonly signal: AbortSignal;
  readonly rules: WebDownloadRules;
  readonly allowed: BlockList;
}

async function* openUri(env: Env, download: Download): AsyncGenerator<Uint8Array> {
  let { uri } = download;
  for (let followed = 0; ; followed += 1) {
    const refused = refusedBy(uri, download.rules, download.allowed);
    if (refused !== undefined) throw new DownloadFault(`the download is refused: ${refused}`);
    const answer = await headOf(env, { ...download, uri });
    const status = answer.statusCode ?? 0;
    const next = status >= 300 && status < 400 ? answer.headers.location : undefined;
    if (next === undefined) {
      yield* bodyOf(answer, status);
      return;
    }
    answer.destroy();
    if (followed >= download.rules.redirects)
      throw new DownloadFault(`the download is refused: the server redirects (${status})`);
    if (!URL.canParse(next, uri)) throw new DownloadFault('the server redirects to no URI');
    uri = new URL(next, uri).href;
  }
}

async function* bodyOf(answer: IncomingMessage, status: number): AsyncGenerator<Uint8Array> {
  try {
    if (status !== 200) throw new DownloadFault(`the server answers with status ${status}`);
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (error) {
    throw faultOf(error);
  } finally {
    answer.destroy();
  }
}

function headOf(env: Env, download: Download): Promise<IncomingMessage> {
  const { uri, signal, allowed } = download;
  const options: RequestOptions = {
    method: 'GET',
    agent: false,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'kilonova' },
    lookup: judgedLookup(allowed),
    signal,
  };
  const send = uri.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(uri, options, (answer) => {
      cancel();
      resolve(answer);
    });
    const cancel = env.timers.after(HEAD_MS, () =>
      request.destroy(new DownloadFault(`the server does not answer within ${HEAD_MS / 1000} s`)),
    );
    request.on('error', (error) => {
      cancel();
      reject(faultOf(error));
    });
    request.end();
  });
}

/** All addresses of the name must be good: one that is not shows that the name is meant to mislead. */
function judgedLookup(allowed: BlockList): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const bad = error
        ? undefined
        : addresses.find(({ address }) => !isReachable(address, allowed));
      if (error) callback(error, '', 0);
      else if (bad !== undefined)
        callback(
          new DownloadFault(`${hostname} has address ${bad.address}, which is not public`),
          '',
          0,
        );
      else if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };
}

function faultOf(error: unknown): unknown {
  if (error instanceof DownloadFault) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (error instanceof Error && error.name === 'AbortError') return error.cause ?? error;
  return new DownloadFault(
    `the download failed: ${typeof code === 'string' ? code : String(message)}`,
    { cause: error },
  );
}
