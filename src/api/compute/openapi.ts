// `GET /openapi.json?microversion=2.79`: the calls of one microversion as an OpenAPI 3.1 document, made from the same
// rows that are served: what is not in the table can't be in the document, and the other way round.
import { personaOf } from '../policy/compute-rules-table.ts';
import { badRequest } from './envelope.ts';
import { negotiate, versionText } from './microversion.ts';
import {
  type ComputeAction,
  type ComputeRoute,
  inRange,
  JsonText,
  type SchemaRange,
  type SuccessCode,
} from './route.ts';
import type { JsonSchema } from './validation.ts';

type Document = Readonly<Record<string, unknown>>;

/** Ready texts by microversion; there are about a hundred. */
const texts = new Map<number, string>();

/** `rows`: all others. */
export function openApiRoute(rows: readonly ComputeRoute[]): ComputeRoute {
  const route: ComputeRoute = {
    method: 'GET',
    path: '/openapi.json',
    query: [
      {
        schema: {
          type: 'object',
          properties: {
            microversion: { type: 'array', items: { type: 'string' }, maxItems: 1 },
          },
          additionalProperties: false,
        },
      },
    ],
    handler: (call) => {
      const minor = askedMinor(call.queryValue('microversion')) ?? Math.max(1, call.microversion);
      const known = texts.get(minor);
      const text = known ?? JSON.stringify(openApiDocument([...rows, route], minor));
      texts.set(minor, text);
      return new JsonText(text);
    },
  };
  return route;
}

function askedMinor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const negotiation = negotiate({ 'openstack-api-version': `compute ${text}` });
  if (negotiation.outcome === 'agreed') return negotiation.minor;
  throw badRequest(negotiation.message);
}

export function openApiDocument(rows: readonly ComputeRoute[], minor: number): Document {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const row of rows.filter((each) => inRange(each, minor))) {
    const operation = operationOf(row, minor);
    if (operation === undefined) continue;
    const path = row.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [row.method.toLowerCase()]: operation };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Compute', version: versionText(minor) },
    servers: [{ url: '/compute/v2.1' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
    },
  };
}

/** Undefined for an action route without an action in this version. */
function operationOf(row: ComputeRoute, minor: number): Document | undefined {
  const actions = row.actions?.filter((action) => inRange(action, minor));
  if (actions?.length === 0) return undefined;
  const query = schemaFor(row.query, minor);
  const body = actions === undefined ? schemaFor(row.body, minor) : actionsBody(actions, minor);
  return {
    operationId: `${row.method} ${row.path}`,
    ...(row.gone === true ? { deprecated: true } : {}),
    parameters: [...pathParameters(row.path), ...queryParameters(query), versionParameter(minor)],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: responsesOf(actions ?? [row], minor),
    ...policiesOf(actions ?? [row]),
  };
}

function pathParameters(path: string): readonly Document[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

/** A value may be given several times: each schema is of the list of them. */
function queryParameters(query: JsonSchema | undefined): readonly Document[] {
  return Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query?.required?.includes(name) ?? false,
    schema,
  }));
}

function versionParameter(minor: number): Document {
  return {
    name: 'OpenStack-API-Version',
    in: 'header',
    schema: { type: 'string', const: `compute ${versionText(minor)}` },
  };
}

function actionsBody(actions: readonly ComputeAction[], minor: number): JsonSchema {
  return {
    oneOf: actions.map(
      (action) =>
        schemaFor(action.body, minor) ?? {
          type: 'object',
          properties: { [action.name]: {} },
          required: [action.name],
          additionalProperties: false,
        },
    ),
  };
}

function responsesOf(operations: readonly (ComputeRoute | ComputeAction)[], minor: number) {
  const codes = operations.map(({ gone, success }) =>
    gone === true ? 410 : successOf(success, minor),
  );
  const sorted = [...new Set(codes)].sort((one, other) => one - other);
  const entries = sorted.map((code) => [code, { description: words(code) }]);
  return {
    ...Object.fromEntries(entries),
    default: { description: 'An error: one object under a name, with code and message' },
  };
}

function words(code: number): string {
  return code === 410 ? 'Gone' : 'Done';
}

function successOf(success: SuccessCode | undefined, minor: number): number {
  if (success === undefined) return 200;
  if (typeof success === 'number') return success;
  return success.find((range) => inRange(range, minor))?.code ?? 200;
}

function policiesOf(operations: readonly (ComputeRoute | ComputeAction)[]): Document {
  const policies = operations.flatMap(({ policy }) =>
    policy === undefined ? [] : { rule: policy, persona: personaOf(policy) },
  );
  return policies.length === 0 ? {} : { 'x-openstack-policies': policies };
}

function schemaFor(ranges: readonly SchemaRange[] | undefined, minor: number) {
  return ranges?.find((range) => inRange(range, minor))?.schema;
}
