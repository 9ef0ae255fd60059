// An image service without sockets or disks, and people to use it: for tests of the image API.
import type { FastifyInstance } from 'fastify';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import { imageEffects } from '#actors/services/image/effects.ts';
import { imageDefinition, type ImageEffect } from '#actors/services/image/entity.ts';
import { type ImageDownloads, ImageImports } from '#actors/services/image/imports.ts';
import type { ImageQuotas } from '#actors/services/image/quotas.ts';
import { httpRefusal } from '#api/errors.ts';
import { images } from '#actors/services/image/protocol.ts';
import { metadefsDefinition } from '#actors/services/metadefs/entity.ts';
import { memoryImageStore } from '#actors/services/image/memory-store.ts';
import type { ImageStore } from '#actors/services/image/store.ts';
import { ImageUploads } from '#actors/services/image/upload.ts';
import type { ApiContext } from '#api/context.ts';
import { imagePlugin } from '#api/image/plugin.ts';
import { buildServer } from '#api/server.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

export const projects = {
  admin: 'ad000000000000000000000000000000',
  red: '4ed00000000000000000000000000000',
  blue: 'b1000000000000000000000000000000',
} as const;

export function callerOf(projectId: string, roles: readonly string[]): Caller {
  return {
    userId: `user-of-${projectId}`,
    userName: 'someone',
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId,
    projectName: 'a project',
    projectDomainId: 'default',
    domainId: undefined,
    system: false,
    roles,
    isAdmin: roles.includes('admin'),
  };
}

/** Tokens are names. */
export const people: Readonly<Record<string, Caller>> = {
  admin: callerOf(projects.admin, ['admin', 'member', 'reader']),
  red: callerOf(projects.red, ['member', 'reader']),
  'red-reader': callerOf(projects.red, ['reader']),
  blue: callerOf(projects.blue, ['member', 'reader']),
};

export const identity: Identity = {
  verify: (token) => Promise.resolve(people[token]),
  projectExists: (projectId) => Object.values<string>(projects).includes(projectId),
};

export interface ImageCloud {
  readonly app: FastifyInstance;
  readonly cluster: PureCluster;
  readonly context: ApiContext;
  readonly store: ImageStore;
  readonly uploads: ImageUploads;
  /** Milliseconds since 1970; tests move it. */
  clock: { nowMs: number };
}

const noDownloads: ImageDownloads = {
  refusedBy: () => 'nothing is downloaded here',
  open: () => {
    throw new Error('nothing is downloaded here');
  },
};
const noQuotas: ImageQuotas = {
  image_size_total: -1,
  image_stage_total: -1,
  image_count_total: -1,
  image_count_uploading: -1,
};

export interface ImageCloudOptions {
  readonly store?: ImageStore;
  readonly maxBytes?: number;
  readonly downloads?: ImageDownloads;
  readonly quotas?: Partial<ImageQuotas>;
}

export function imageCloud(options: ImageCloudOptions = {}): ImageCloud {
  const clock = { nowMs: Date.UTC(2026, 0, 31, 12) };
  const cluster = pureCluster([imageDefinition, metadefsDefinition], () => clock.nowMs);
  const env = createVirtualEnv({ seed: 'image-api' });
  const store = options.store ?? memoryImageStore();
  const view = cluster.view(imageDefinition);
  const { router, views } = cluster;
  const uploads = new ImageUploads({
    env,
    router,
    store,
    view,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
  });
  const downloads = options.downloads ?? noDownloads;
  const imports = new ImageImports({
    env,
    store,
    view,
    downloads,
    wordsOf: (refusal) => httpRefusal(refusal).message,
  });
  const run = imageEffects({ store, uploads, imports });
  cluster.onEffect((_kind, entityId, effect) => {
    const { signal } = new AbortController();
    void run(effect as ImageEffect, { entityId, signal, isOurs: () => true }).then((command) =>
      command === undefined
        ? undefined
        : router.ask(images.ref(entityId), command, { requestId: 'req-effect' }),
    );
  });
  const context: ApiContext = {
    env,
    router,
    views,
    identity,
    region: 'RegionOne',
    publicUrl: 'http://cloud.test:8774',
  };
  const plugin = imagePlugin(context, {
    view,
    store,
    uploads,
    metadefs: cluster.view(metadefsDefinition),
    downloads,
    quotas: { ...noQuotas, ...options.quotas },
  });
  const app = buildServer(context, [{ prefix: '/image', plugin }]);
  return { app, cluster, context, store, uploads, clock };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as Fastify's own `json`
type Json = <T = Record<string, unknown>>() => T;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The body as JSON, of the shape that the test expects. */
  readonly json: Json;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request as `who`; a body is JSON unless it is bytes. */
export async function call(
  app: FastifyInstance,
  who: string | undefined,
  line: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const [method = 'GET', url = '/'] = line.split(' ');
  const { body } = options;
  const isBytes = body instanceof Uint8Array;
  const type = isBytes ? 'application/octet-stream' : 'application/json';
  const answer = await app.inject({
    method: method as Method,
    url,
    headers: {
      host: 'cloud.test:8774',
      ...(who === undefined ? {} : { 'x-auth-token': who }),
      ...(body === undefined ? {} : { 'content-type': type }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { payload: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
  });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.body,
    json: () => answer.json(),
  };
}
