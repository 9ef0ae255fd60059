// What a machine needs to know of the cloud, asked of controllers: for hosts whose process has neither store nor views.
// Nothing is kept here: an order must see a network as it was when its port was made, and an answer that is missing
// must not look like a network that is gone. Images come over HTTP from a controller, by a link that it has signed.
import type { ConfigDriveFile } from '#hypervisor/storage-port.ts';
import type { HostNetworkSpec } from '#hypervisor/network-port.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { Env } from '#runtime/env/env.ts';
import { isRuntimeFault } from '#runtime/system/faults.ts';
import type { ServerImage } from '../domain/server.ts';
import type { ControllerLink, RequestOptions } from './controller-link.ts';
import type { Machine } from './machine.ts';
import { NodeFault } from './protocol.ts';
import { answerOf, type BodyOf, outputFrom, type RequestType } from './wire.ts';

export type ControllerWorld = Pick<
  Machine,
  | 'imageSource'
  | 'imageSink'
  | 'imageIds'
  | 'networkIds'
  | 'networkSpec'
  | 'configDrive'
  | 'sourceDisk'
>;

/** The bytes behind a URL from an offset on. Rejects when they do not come; the consumer minds standstill. */
export type FetchBytes = (url: string, offset: number) => AsyncIterable<Uint8Array>;

/** Puts bytes behind a URL; answers with the status and the words of the reply. Rejects when there is none. */
export type SendBytes = (
  url: string,
  bytes: AsyncIterable<Uint8Array>,
) => Promise<{ readonly status: number; readonly words: string }>;

export interface ControllerWorldOptions {
  readonly env: Env;
  readonly link: ControllerLink;
  readonly fetchBytes: FetchBytes;
  readonly sendBytes: SendBytes;
  /** Of this host's metadata service; undefined for none. */
  readonly metadataPort: number | undefined;
}

const ASK_MS = 20_000;
/** Tries in a row in which not one byte of an image came. */
const MAX_EMPTY_TRIES = 5;
const RETRY_MS = 500;

export function controllerWorld(options: ControllerWorldOptions): ControllerWorld {
  const { metadataPort } = options;
  const ask = <T extends RequestType>(
    type: T,
    body: BodyOf<T>,
    lane: NonNullable<RequestOptions['lane']>,
  ): Promise<unknown> =>
    options.link.request(type, body, { deadlineMs: ASK_MS, lane }).catch((error: unknown) => {
      throw faultOf(error);
    });
  const world = async () => answerOf('world', await ask('node.world', {}, 'bulk'));
  return {
    imageSource: (image, { serverId = '', url }) => ({
      id: image.id,
      format: image.format,
      sha512: image.sha512,
      sizeBytes: image.sizeBytes,
      open: () =>
        imageBytes(options, image, async () =>
          url === undefined
            ? answerOf('image', await ask('node.image', { serverId, imageId: image.id }, 'control'))
            : { url },
        ),
    }),
    imageSink: async ({ imageId, serverId, bytes }) => {
      const { url } = answerOf(
        'image',
        await ask('node.image-upload', { serverId, imageId }, 'control'),
      );
      await sendImage(options, { imageId, url, bytes });
    },
    imageIds: async () => new Set((await world()).imageIds),
    networkIds: async () => (await world()).networkIds,
    networkSpec: async (networkId) => {
      const { spec } = answerOf('network', await ask('node.network', { networkId }, 'control'));
      return spec === undefined ? undefined : { ...(spec as HostNetworkSpec), metadataPort };
    },
    configDrive: async (serverId): Promise<readonly ConfigDriveFile[]> =>
      answerOf('files', await ask('node.config-drive', { serverId }, 'bulk')).files,
    sourceDisk: async (range) =>
      outputFrom('of the controllers', await ask('node.source-disk', range, 'bulk')),
  };
}

const taken = 204;
/** The image service is at it for an earlier upload, or away; the order is given again. */
const notNow: ReadonlySet<number> = new Set([409, 500, 502, 503, 504]);

async function sendImage(
  { link, sendBytes }: ControllerWorldOptions,
  image: {
    readonly imageId: string;
    readonly url: string;
    readonly bytes: AsyncIterable<Uint8Array>;
  },
): Promise<void> {
  const { imageId, url, bytes } = image;
  const words = `image ${imageId} was not taken`;
  const answer = await sendBytes(url, bytes).catch((error: unknown) => {
    if (error instanceof HypervisorFault) throw error;
    link.turnAway();
    const reason = error instanceof Error ? error.message : String(error);
    throw new NodeFault('image-service', `${words}: ${reason}`, { retryable: true, cause: error });
  });
  if (answer.status === taken) return;
  const isPassing = notNow.has(answer.status);
  const code = isPassing ? 'image-service' : 'hypervisor';
  throw new NodeFault(code, `${words}: HTTP ${answer.status}: ${answer.words}`, {
    retryable: isPassing,
  });
}

/** Goes on where it broke off, from another controller if there is one. What arrives is checked by its digest. */
async function* imageBytes(
  { env, link, fetchBytes }: ControllerWorldOptions,
  image: ServerImage,
  urlOf: () => Promise<{ readonly url: string }>,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  let emptyTries = 0;
  while (received < image.sizeBytes) {
    const before = received;
    try {
      const { url } = await urlOf();
      for await (const chunk of fetchBytes(url, received)) {
        received += chunk.length;
        yield chunk;
      }
      if (received === before) throw new Error(`image ${image.id}: not one byte came`);
    } catch (error) {
      if (error instanceof NodeFault) throw storageFault(error);
      emptyTries = received === before ? emptyTries + 1 : 1;
      if (emptyTries > MAX_EMPTY_TRIES) throw error;
      env.log.warn({ err: error, image: image.id, received }, 'a fetch broke off; going on');
      link.turnAway();
      await new Promise<void>((resolve) => {
        env.timers.after(RETRY_MS, resolve);
      });
    }
  }
}

/** Storage passes on its own faults only: without this, "no controller answers" would become "this host is no good". */
function storageFault({ code, message, retryable }: NodeFault): HypervisorFault {
  const isAway = code === 'host-unreachable';
  return new HypervisorFault(isAway ? 'connection-lost' : 'failed', message, { retryable });
}

/** A refusal does not get better by waiting; everything else may. */
function faultOf(error: unknown): unknown {
  if (!isRuntimeFault(error)) return error;
  const isRefused = error.code === 'crashed';
  return new NodeFault(isRefused ? 'hypervisor' : 'host-unreachable', error.message, {
    retryable: !isRefused,
    cause: error,
  });
}
