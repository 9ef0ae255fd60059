// The documents under /v2/schemas: what clients fetch to learn an image's attributes, and what bodies are checked by.
// A table; names, types and limits are Glance's API.
import { containerFormats, diskFormats } from '#actors/services/image/formats.ts';
import { imageVisibilities, memberStatuses } from '#actors/services/image/protocol.ts';
import type { JsonSchema } from './json-schema.ts';
import { taskSchema, tasksSchema } from './task-schema.ts';

const ID_PATTERN =
  '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$';
const nullable = (type: string): readonly string[] => ['null', type];
const readOnly = { readOnly: true } as const;

const imageProperties: Readonly<Record<string, JsonSchema>> = {
  id: { type: 'string', description: 'An identifier for the image', pattern: ID_PATTERN },
  name: { type: nullable('string'), description: 'Descriptive name for the image', maxLength: 255 },
  status: {
    type: 'string',
    ...readOnly,
    description: 'Status of the image',
    enum: [
      'queued',
      'saving',
      'active',
      'killed',
      'deleted',
      'uploading',
      'importing',
      'pending_delete',
      'deactivated',
    ],
  },
  visibility: {
    type: 'string',
    description: 'Scope of image accessibility',
    enum: [...imageVisibilities],
  },
  protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
  os_hidden: {
    type: 'boolean',
    description: 'If true, image will not appear in default image list response.',
  },
  checksum: {
    type: nullable('string'),
    ...readOnly,
    description: 'md5 hash of image contents.',
    maxLength: 32,
  },
  os_hash_algo: {
    type: nullable('string'),
    ...readOnly,
    description: 'Algorithm to calculate the os_hash_value',
    maxLength: 64,
  },
  os_hash_value: {
    type: nullable('string'),
    ...readOnly,
    description: 'Hexdigest of the image contents using the algorithm of os_hash_algo',
    maxLength: 128,
  },
  owner: { type: nullable('string'), description: 'Owner of the image', maxLength: 255 },
  size: { type: nullable('integer'), ...readOnly, description: 'Size of image file in bytes' },
  virtual_size: {
    type: nullable('integer'),
    ...readOnly,
    description: 'Virtual size of image in bytes',
  },
  container_format: {
    type: nullable('string'),
    description: 'Format of the container',
    enum: [null, ...containerFormats],
  },
  disk_format: {
    type: nullable('string'),
    description: 'Format of the disk',
    enum: [null, ...diskFormats],
  },
  created_at: { type: 'string', ...readOnly, description: 'Date and time of image registration' },
  updated_at: {
    type: 'string',
    ...readOnly,
    description: 'Date and time of the last image modification',
  },
  tags: {
    type: 'array',
    description: 'List of strings related to the image',
    items: { type: 'string', maxLength: 255 },
  },
  direct_url: {
    type: 'string',
    ...readOnly,
    description: 'URL to access the image file kept in external store',
  },
  min_ram: { type: 'integer', description: 'Amount of ram (in MB) required to boot image.' },
  min_disk: {
    type: 'integer',
    description: 'Amount of disk space (in GB) required to boot image.',
  },
  self: { type: 'string', ...readOnly, description: 'An image self url' },
  file: { type: 'string', ...readOnly, description: 'An image file url' },
  schema: { type: 'string', ...readOnly, description: 'An image schema url' },
  stores: { type: 'string', ...readOnly, description: 'Stores in which image data resides.' },
  locations: {
    type: 'array',
    description: 'A set of URLs to access the image file kept in external store',
    items: {
      type: 'object',
      properties: {
        url: { type: 'string', maxLength: 255 },
        metadata: { type: 'object' },
      },
      required: ['url', 'metadata'],
    },
  },
};

export const imageSchema: JsonSchema = {
  name: 'image',
  properties: imageProperties,
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
};

const memberProperties: Readonly<Record<string, JsonSchema>> = {
  member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
  image_id: { type: 'string', description: 'An identifier for the image', pattern: ID_PATTERN },
  created_at: { type: 'string', description: 'Date and time of image member creation' },
  updated_at: {
    type: 'string',
    description: 'Date and time of last modification of image member',
  },
  status: {
    type: 'string',
    description: 'The status of this image member',
    enum: [...memberStatuses],
  },
  schema: { type: 'string', ...readOnly },
};

const memberSchema: JsonSchema = { name: 'member', properties: memberProperties };

const link = (rel: string): { rel: string; href: string } => ({
  rel,
  href: `{${rel === 'describedby' ? 'schema' : rel}}`,
});

/** By name, as in the path. */
export const schemaDocuments: Readonly<Record<string, JsonSchema>> = {
  task: taskSchema,
  tasks: tasksSchema,
  image: imageSchema,
  images: {
    name: 'images',
    properties: {
      images: { type: 'array', items: imageSchema },
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [link('first'), link('next'), link('describedby')],
  },
  member: memberSchema,
  members: {
    name: 'members',
    properties: {
      members: { type: 'array', items: memberSchema },
      schema: { type: 'string' },
    },
    links: [link('describedby')],
  },
};
