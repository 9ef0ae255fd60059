// The documents /v2/schemas/task and /v2/schemas/tasks. A table; names and types are Glance's API.
import type { JsonSchema } from './json-schema.ts';

const text = (description: string): JsonSchema => ({ type: 'string', description });

const summary: Readonly<Record<string, JsonSchema>> = {
  id: {
    type: 'string',
    description: 'An identifier for the task',
    pattern:
      '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
  },
  type: {
    type: 'string',
    description: 'The type of task represented by this content',
    enum: ['import', 'api_image_import'],
  },
  status: {
    type: 'string',
    description: 'The current status of this task',
    enum: ['pending', 'processing', 'success', 'failure'],
  },
  owner: text('An identifier for the owner of this task'),
  expires_at: text('Datetime when this resource would be subject to removal'),
  created_at: text('Datetime when this resource was created'),
  updated_at: text('Datetime when this resource was updated'),
  self: { type: 'string', readOnly: true },
  schema: { type: 'string', readOnly: true },
};

export const taskSchema: JsonSchema = {
  name: 'task',
  additionalProperties: false,
  properties: {
    ...summary,
    input: { type: ['null', 'object'], description: 'The parameters of the task' },
    result: { type: ['null', 'object'], description: 'The result of the task' },
    message: text('What there is to say about it, mostly after a failure'),
    image_id: text('Image associated with the task'),
    request_id: text('Human-readable informative request-id'),
    user_id: text('User associated with the task'),
  },
};

export const tasksSchema: JsonSchema = {
  name: 'tasks',
  properties: {
    tasks: { type: 'array', items: { name: 'task', properties: summary } },
    first: { type: 'string' },
    next: { type: 'string' },
    schema: { type: 'string' },
  },
  links: [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
    { rel: 'describedby', href: '{schema}' },
  ],
};
