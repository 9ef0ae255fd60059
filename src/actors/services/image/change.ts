// Changes of an image's attributes, tags and properties: taken step by step, stored as one event. Pure.
import { unreachable } from '#runtime/assert.ts';
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import { overLimit } from './limits.ts';
import type { ImageChange, imageCommands, ImageEvent } from './protocol.ts';
import type { ImageState } from './state.ts';

interface Draft {
  readonly attributes: Extract<ImageChange, { op: 'set' }>['attributes'];
  readonly tags: readonly string[] | undefined;
  readonly properties: Readonly<Record<string, string>> | undefined;
}

export function decideChange(
  image: ImageState,
  command: CommandNamed<typeof imageCommands, 'image.change'>,
  facts: Facts,
): Accepted<ImageEvent, object> | Refusal {
  const { changes, changeId } = command;
  if (changes.length === 0) return accept([], {});
  let draft: Draft = { attributes: {}, tags: undefined, properties: undefined };
  for (const change of changes) {
    const next = step(image, draft, change);
    if (isRefusal(next)) return next;
    draft = next;
  }
  const { attributes, tags, properties } = draft;
  const tooMany = overLimit(properties ?? {}, tags ?? []);
  if (tooMany !== undefined) return tooMany;
  const changed: ImageEvent = {
    type: 'image.changed',
    attributes,
    ...(tags === undefined ? {} : { tags: [...tags] }),
    ...(properties === undefined ? {} : { properties }),
    changeId,
    atMs: facts.nowMs,
  };
  return accept([changed], {});
}

function step(image: ImageState, draft: Draft, change: ImageChange): Draft | Refusal {
  switch (change.op) {
    case 'set': {
      const fixed = fixedFormat(image, change.attributes);
      if (fixed !== undefined) return refuse('image-format-fixed', { attribute: fixed });
      return { ...draft, attributes: { ...draft.attributes, ...change.attributes } };
    }
    case 'set-tags':
      return { ...draft, tags: [...new Set(change.tags)] };
    case 'set-property':
      return setProperty(image, draft, change);
    case 'remove-property': {
      const { [change.name]: removed, ...rest } = draft.properties ?? image.properties;
      if (removed === undefined) return refuse('image-property-missing', { name: change.name });
      return { ...draft, properties: rest };
    }
    default:
      return unreachable(change);
  }
}

function setProperty(
  image: ImageState,
  draft: Draft,
  change: Extract<ImageChange, { op: 'set-property' }>,
): Draft | Refusal {
  const { name, value, expect } = change;
  const properties = draft.properties ?? image.properties;
  const present = Object.hasOwn(properties, name);
  if (expect === 'present' && !present) return refuse('image-property-missing', { name });
  if (expect === 'absent' && present) return refuse('image-property-present', { name });
  return { ...draft, properties: { ...properties, [name]: value } };
}

/** Formats belong to the bytes: once there are some, or some are on the way, they stay. */
function fixedFormat(image: ImageState, attributes: Draft['attributes']): string | undefined {
  if (image.status === 'queued') return undefined;
  if (attributes.containerFormat !== undefined) return 'container_format';
  if (attributes.diskFormat !== undefined) return 'disk_format';
  return undefined;
}
