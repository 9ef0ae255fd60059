// Every call of every service, with the schemas of its query and its body where it has them: what fuzzed requests are
// made from. The rows are the services' own; a call that they gain is fuzzed without a line here.
import Fastify, { type FastifyPluginCallback } from 'fastify';
import { computeRoutes } from '#api/compute/routes.ts';
import { type ComputeAction, type ComputeRoute, inRange } from '#api/compute/route.ts';
import { identityPlugin } from '#api/identity/plugin.ts';
import { imagePlugin } from '#api/image/plugin.ts';
import { networkPlugin } from '#api/network/plugin.ts';
import { placementRoutes } from '#api/placement/routes.ts';
import type { ServiceName } from '#test/api/whole/envelopes.ts';
import { identityBody } from './identity-bodies.ts';
import { imageBody } from './image-bodies.ts';
import { networkBody, networkQuery } from './network-bodies.ts';
import { placementBody } from './placement-bodies.ts';
import type { LooseSchema } from './schema-values.ts';

export interface Row {
  readonly service: ServiceName;
  readonly method: string;
  /** With `:name` for what varies. */
  readonly path: string;
  /** The schemas of its bodies at a minor version: several for a route of actions, none if it takes none. */
  readonly bodies: (minor: number) => readonly LooseSchema[];
  /** Minor versions that have it; all, if it says nothing. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** A list of values for every name. */
  readonly query: (minor: number) => LooseSchema | undefined;
}

const COMPUTE = '/compute/v2.1';

export async function fuzzRows(): Promise<readonly Row[]> {
  return [
    ...computeRows(),
    ...placementRoutes.map(
      ({ method, path, since }): Row => ({
        service: 'placement',
        since,
        method,
        path: `/placement${path}`,
        bodies: (minor) => listOf(placementBody(method, path, minor)),
        query: () => undefined,
      }),
    ),
    ...(await rowsOf('identity', '/identity', identityPlugin(nothing(), nothing()))),
    ...(await rowsOf('image', '/image', imagePlugin(nothing(), nothing()))),
    ...(await rowsOf('network', '/network', networkPlugin(nothing(), nothing()))),
  ];
}

function computeRows(): readonly Row[] {
  return computeRoutes
    .filter(({ path }) => path !== '/openapi.json')
    .map((route) => ({
      service: 'compute',
      method: route.method,
      path: `${COMPUTE}${route.path}`,
      since: route.since,
      until: route.until,
      bodies: (minor) =>
        (route.actions ?? [route])
          .filter((each) => inRange(each, minor))
          .flatMap((each) => schemasOf(each, minor)),
      query: (minor) => route.query?.find((range) => inRange(range, minor))?.schema,
    }));
}

/** An action without a schema takes nothing under its name. */
function schemasOf(each: ComputeRoute | ComputeAction, minor: number): readonly LooseSchema[] {
  const ranges = each.body?.filter((range) => inRange(range, minor)) ?? [];
  if (ranges.length > 0 || !('name' in each)) return ranges.map(({ schema }) => schema);
  return [{ type: 'object', properties: { [each.name]: { enum: [null] } }, required: [each.name] }];
}

/**
 * Stands for what a plugin is wired with, whatever that is: it registers its routes, whose schemas are read, and nobody
 * calls them. Only a promise it must not look like.
 */
function nothing(): never {
  const anything: unknown = new Proxy(() => anything, {
    get: (_target, name) => (name === 'then' ? undefined : anything),
  });
  return anything as never;
}

const bodyOf: Readonly<Record<string, (method: string, path: string) => LooseSchema | undefined>> =
  {
    identity: identityBody,
    image: imageBody,
    network: networkBody,
  };

async function rowsOf(
  service: ServiceName,
  prefix: string,
  plugin: FastifyPluginCallback,
): Promise<readonly Row[]> {
  const app = Fastify();
  app.decorateRequest('caller');
  const rows: Row[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) {
      const body = bodyOf[service]?.(each, url);
      if (each === 'HEAD' || each === 'OPTIONS') continue;
      const query = service === 'network' && each === 'GET' ? networkQuery(url) : undefined;
      rows.push({
        service,
        method: each,
        path: url,
        bodies: () => listOf(body),
        query: () => query,
      });
    }
  });
  app.register(plugin, { prefix });
  await app.ready();
  await app.close();
  return rows;
}

function listOf<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}
