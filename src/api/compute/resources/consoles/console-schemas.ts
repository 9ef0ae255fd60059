// Request schemas of remote consoles, by microversion. Data only.
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';

function wrapped(name: string, properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return {
    type: 'object',
    properties: {
      [name]: {
        type: 'object',
        properties,
        required: Object.keys(properties),
        additionalProperties: false,
      },
    },
    required: [name],
    additionalProperties: false,
  };
}

const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values });

/** `{ "os-getVNCConsole": { "type": "novnc" } }` and its like. */
export function consoleAction(name: string, ...types: readonly string[]): readonly SchemaRange[] {
  return [{ schema: wrapped(name, { type: oneOf(...types) }) }];
}

const protocols = ['vnc', 'spice', 'rdp', 'serial'];
const types = ['novnc', 'xvpvnc', 'spice-html5', 'rdp-html5', 'serial'];
const remoteConsole = (more: readonly (readonly [protocol: string | undefined, type: string])[]) =>
  wrapped('remote_console', {
    protocol: oneOf(...protocols, ...more.flatMap(([protocol]) => protocol ?? [])),
    type: oneOf(...types, ...more.map(([, type]) => type)),
  });

export const createConsole: readonly SchemaRange[] = [
  { since: 6, until: 7, schema: remoteConsole([]) },
  { since: 8, until: 98, schema: remoteConsole([['mks', 'webmks']]) },
  {
    since: 99,
    schema: remoteConsole([
      ['mks', 'webmks'],
      [undefined, 'spice-direct'],
    ]),
  },
];

export const showToken: readonly SchemaRange[] = [
  { until: 98, schema: { type: 'object', properties: {}, additionalProperties: true } },
  { since: 99, schema: { type: 'object', properties: {}, additionalProperties: false } },
];
