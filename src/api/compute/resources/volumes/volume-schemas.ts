// Request schemas of volumes, their snapshots and attachments, by microversion. Data only.
import { booleanParam, multiParam, nonNegativeInteger, tagParam } from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';

type Properties = Readonly<Record<string, JsonSchema>>;

const text: JsonSchema = { type: 'string' };
const uuid: JsonSchema = { type: 'string', format: 'uuid' };
const name: JsonSchema = { type: ['string', 'null'], minLength: 1, maxLength: 255 };
const integer: JsonSchema = { type: ['integer', 'string'], pattern: '^[0-9]+$', minimum: 1 };

/** `{ volume: {…} }` and its like. */
function wrapped(key: string, properties: Properties, required: readonly string[]): JsonSchema {
  return {
    type: 'object',
    properties: {
      [key]: { type: 'object', properties, required, additionalProperties: false },
    },
    required: [key],
    additionalProperties: false,
  };
}

export const createVolume: readonly SchemaRange[] = [
  {
    schema: wrapped(
      'volume',
      {
        volume_type: text,
        metadata: { type: 'object' },
        snapshot_id: text,
        size: integer,
        availability_zone: text,
        display_name: text,
        display_description: text,
      },
      ['size'],
    ),
  },
];

export const createSnapshot: readonly SchemaRange[] = [
  {
    schema: wrapped(
      'snapshot',
      { volume_id: text, force: booleanParam, display_name: name, display_description: text },
      ['volume_id'],
    ),
  },
];

const device: JsonSchema = {
  type: ['string', 'null'],
  // Neither spaces nor what devices are not called.
  pattern: '(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$',
};
const attachment = { volumeId: uuid, device };

export const attachVolume: readonly SchemaRange[] = [
  { until: 48, schema: wrapped('volumeAttachment', attachment, ['volumeId']) },
  {
    since: 49,
    until: 78,
    schema: wrapped('volumeAttachment', { ...attachment, tag: tagParam }, ['volumeId']),
  },
  {
    since: 79,
    schema: wrapped(
      'volumeAttachment',
      { ...attachment, tag: tagParam, delete_on_termination: booleanParam },
      ['volumeId'],
    ),
  },
];

export const updateAttachment: readonly SchemaRange[] = [
  { until: 84, schema: wrapped('volumeAttachment', { volumeId: uuid }, ['volumeId']) },
  {
    since: 85,
    schema: wrapped(
      'volumeAttachment',
      {
        volumeId: uuid,
        device: { type: ['string', 'null'] },
        tag: tagParam,
        delete_on_termination: booleanParam,
        serverId: uuid,
        id: uuid,
      },
      ['volumeId'],
    ),
  },
];

const paged: Properties = {
  limit: multiParam(nonNegativeInteger),
  offset: multiParam(nonNegativeInteger),
};

export const pagedByOffset: readonly SchemaRange[] = [
  { until: 74, schema: { type: 'object', properties: paged, additionalProperties: true } },
  { since: 75, schema: { type: 'object', properties: paged, additionalProperties: false } },
];

export const assistSnapshot: readonly SchemaRange[] = [
  {
    schema: wrapped(
      'snapshot',
      {
        volume_id: { type: 'string', minLength: 1 },
        create_info: {
          type: 'object',
          properties: {
            snapshot_id: { type: 'string', minLength: 1 },
            type: { type: 'string', enum: ['qcow2'] },
            new_file: { type: 'string', minLength: 1 },
            id: { type: 'string', minLength: 1 },
          },
          required: ['snapshot_id', 'type', 'new_file'],
          additionalProperties: false,
        },
      },
      ['volume_id', 'create_info'],
    ),
  },
];

const deletion: Properties = { delete_info: multiParam(text) };

export const assistDeletion: readonly SchemaRange[] = [
  {
    until: 74,
    schema: {
      type: 'object',
      properties: deletion,
      required: ['delete_info'],
      additionalProperties: true,
    },
  },
  {
    since: 75,
    schema: {
      type: 'object',
      properties: deletion,
      required: ['delete_info'],
      additionalProperties: false,
    },
  },
];

export const createShare: readonly SchemaRange[] = [
  {
    schema: wrapped(
      'share',
      { share_id: uuid, tag: { type: 'string', minLength: 1, maxLength: 255 } },
      ['share_id'],
    ),
  },
];
