// `PATCH /v2/images/{id}`: both forms of Glance's JSON patch, to changes of the image. Pure but for the words it throws.
import type { Caller } from '#actors/ports/identity.ts';
import type { ImageChange } from '#actors/services/image/protocol.ts';
import {
  checkPropertyName,
  checkSize,
  isBase,
  isReadOnly,
  isReserved,
  schemaError,
} from './image-body.ts';
import { imageSchema } from './image-schema.ts';
import { findFault, isRecord } from './json-schema.ts';
import { ImageHttpError } from './webob-error.ts';

/** Media type → how a step is written: `{"add": "/path"}` (4) or `{"op": "add", "path": "/path"}` (10). */
export const patchForms: Readonly<Record<string, 4 | 10>> = {
  'application/openstack-images-v2.0-json-patch': 4,
  'application/openstack-images-v2.1-json-patch': 10,
};

const operations = ['add', 'remove', 'replace'] as const;
type Operation = (typeof operations)[number];

export interface PatchStep {
  readonly op: Operation;
  readonly name: string;
  readonly value: unknown;
  /** The old form's `add` refuses what is there already. */
  readonly isOldForm: boolean;
}

/** Checks form and schema of all steps. Throws ImageHttpError 400 or 403 in Glance's words. */
export function parsePatch(body: unknown, form: 4 | 10): readonly PatchStep[] {
  if (body === undefined) throw new ImageHttpError(400, 'Body expected in request.');
  if (!Array.isArray(body))
    throw new ImageHttpError(400, 'Request body must be a JSON array of operation objects.');
  return body.map((raw: unknown) => {
    if (!isRecord(raw)) throw new ImageHttpError(400, 'Operations must be JSON objects.');
    return form === 10 ? parseNewForm(raw) : parseOldForm(raw);
  });
}

/** What the steps ask of the image. Throws ImageHttpError 403 or 409 for what this caller may not do. */
export function changesOf(steps: readonly PatchStep[], caller: Caller): readonly ImageChange[] {
  return steps.map((step) => (isBase(step.name) ? baseChange(step, caller) : propertyChange(step)));
}

function parseNewForm(raw: Readonly<Record<string, unknown>>): PatchStep {
  const { op, path } = raw;
  const available = `It must be one of the following: ${['add', 'remove', 'replace'].join(', ')}.`;
  if (op === undefined || op === null)
    throw new ImageHttpError(400, `Unable to find \`op\` in JSON Schema change. ${available}`);
  if (!isOperation(op))
    throw new ImageHttpError(400, `Invalid operation: \`${JSON.stringify(op)}\`. ${available}`);
  if (path === undefined)
    throw new ImageHttpError(400, "Unable to find 'path' in JSON Schema change");
  return checkStep(raw, { op, path, isOldForm: false });
}

function parseOldForm(raw: Readonly<Record<string, unknown>>): PatchStep {
  const named = operations.filter((op) => Object.hasOwn(raw, op));
  const [op] = named;
  if (op === undefined)
    throw new ImageHttpError(
      400,
      'Operation objects must contain exactly one member named "add", "remove", or "replace".',
    );
  if (named.length > 1)
    throw new ImageHttpError(
      400,
      'Operation objects must contain only one member named "add", "remove", or "replace".',
    );
  return checkStep(raw, { op, path: raw[op], isOldForm: true });
}

function isOperation(op: unknown): op is Operation {
  return (operations as readonly unknown[]).includes(op);
}

function checkStep(
  raw: Readonly<Record<string, unknown>>,
  step: { op: Operation; path: unknown; isOldForm: boolean },
): PatchStep {
  const { op, isOldForm } = step;
  const name = nameAt(step.path, op);
  if (op !== 'remove' && !Object.hasOwn(raw, 'value'))
    throw new ImageHttpError(400, `Operation "${op}" requires a member named "value".`);
  if (isReadOnly(name)) throw new ImageHttpError(403, `Attribute '${name}' is read-only.`);
  if (isReserved(name)) throw new ImageHttpError(403, `Attribute '${name}' is reserved.`);
  if (name === 'locations')
    throw new ImageHttpError(
      403,
      `It's not allowed to ${op === 'replace' ? 'update' : op} locations if locations are invisible.`,
    );
  const value = op === 'remove' ? undefined : raw['value'];
  const fault = op === 'remove' ? undefined : findFault(imageSchema, { [name]: value });
  if (fault !== undefined) throw schemaError(fault);
  return { op, name, value, isOldForm };
}

/** The one attribute that a pointer may name; `locations` alone goes deeper. */
function nameAt(path: unknown, op: Operation): string {
  if (typeof path !== 'string')
    throw new ImageHttpError(400, `Pointer \`${String(path)}\` does not start with "/".`);
  checkPointer(path);
  const parts = path
    .replace(/^\/+/, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~').trim());
  const depth = parts[0] === 'locations' && op !== 'replace' ? 2 : 1;
  if (parts.length !== depth)
    throw new ImageHttpError(400, `Invalid JSON pointer for this resource: '/${parts.join('/')}'`);
  return parts[0] ?? '';
}

function checkPointer(pointer: string): void {
  const refuse = (why: string): never => {
    throw new ImageHttpError(400, `Pointer \`${pointer}\` ${why}`);
  };
  if (!pointer.startsWith('/')) refuse('does not start with "/".');
  if (/\/\s*\//.test(pointer.slice(1))) refuse('contains adjacent "/".');
  if (pointer.length > 1 && pointer.endsWith('/')) refuse('end with "/".');
  if (/~(?![01])/.test(pointer)) refuse('contains "~" not part of a recognized escape sequence.');
}

function baseChange(step: PatchStep, caller: Caller): ImageChange {
  const { op, name, value } = step;
  if (op === 'remove') throw new ImageHttpError(403, `Property ${name} may not be removed.`);
  if (op === 'add' && step.isOldForm)
    throw new ImageHttpError(409, `Property ${name} already present.`);
  if (name === 'tags') return { op: 'set-tags', tags: value as string[] };
  if (name === 'owner') {
    if (!caller.isAdmin) throw new ImageHttpError(403, "Owner can't be updated by non admin.");
    return { op: 'set', attributes: { ownerId: (value as string | null) ?? '' } };
  }
  if (name === 'visibility') checkVisibility(value, caller);
  return { op: 'set', attributes: attributeOf(name, value) };
}

type Attributes = Extract<ImageChange, { op: 'set' }>['attributes'];

function attributeOf(name: string, value: unknown): Attributes {
  switch (name) {
    case 'name':
      return { name: value as string | null };
    case 'visibility':
      return { visibility: value as NonNullable<Attributes['visibility']> };
    case 'protected':
      return { protected: value as boolean };
    case 'os_hidden':
      return { hidden: value as boolean };
    case 'disk_format':
      return { diskFormat: value as string | null };
    case 'container_format':
      return { containerFormat: value as string | null };
    case 'min_disk':
      return { minDiskGiB: checkSize(name, value) };
    default:
      return { minRamMiB: checkSize(name, value) };
  }
}

/** Only administrators show an image to everyone. */
export function checkVisibility(value: unknown, caller: Caller): void {
  if (value === 'public' && !caller.isAdmin)
    throw new ImageHttpError(403, 'You are not authorized to complete publicize_image action.');
}

function propertyChange(step: PatchStep): ImageChange {
  const { op, name, value } = step;
  if (op === 'remove') return { op: 'remove-property', name };
  checkPropertyName(name);
  const expect = op === 'replace' ? 'present' : step.isOldForm ? 'absent' : 'any';
  return { op: 'set-property', name, value: value as string, expect };
}
