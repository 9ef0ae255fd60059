import { describe, expect, it } from 'vitest';
import { imageDefinition } from '#actors/services/image/entity.ts';
import type { ImageCommand } from '#actors/services/image/protocol.ts';
import { type EntityRun, runEntity } from '../../run-entity.ts';

type Run = EntityRun<
  ReturnType<typeof imageDefinition.initial>,
  typeof imageDefinition.commands,
  typeof imageDefinition.events
>;

const attributes = {
  name: 'n',
  visibility: 'shared' as const,
  protected: false,
  hidden: false,
  diskFormat: 'raw' as string | null,
  containerFormat: 'bare' as string | null,
  minDiskGiB: 0,
  minRamMiB: 0,
  ownerId: 'red',
};
const file = { sizeBytes: 5, md5: 'm', sha512: 's' };
const createCommand: ImageCommand = {
  type: 'image.create',
  attributes,
  tags: [],
  properties: {},
  changeId: 'c0',
};
const upload: ImageCommand = { type: 'image.start-upload', uploadId: 'u1' };
const finish: ImageCommand = { type: 'image.finish-upload', uploadId: 'u1', file };
const fail: ImageCommand = { type: 'image.fail-upload', uploadId: 'u1', reason: 'r' };
const remove = (changeId = 'd'): ImageCommand => ({ type: 'image.delete', changeId });

function image(...commands: readonly ImageCommand[]): Run {
  const run = runEntity(imageDefinition, 'i');
  for (const command of [createCommand, ...commands]) run.send(command);
  return run;
}

/** What a repeat gives: its answer, how many events it adds, and whether it leaves the state as it is. */
function repeat(run: Run, command: ImageCommand): readonly unknown[] {
  const { length } = run.events;
  const before = run.state;
  const answer = run.send(command);
  return [answer, run.events.length - length, run.state === before];
}
const unchanged = [{}, 0, true];

describe('repeats are answered as before, without events', () => {
  it.each<[string, readonly ImageCommand[]]>([
    ['create', [createCommand]],
    [
      'change',
      [{ type: 'image.change', changes: [{ op: 'remove-property', name: 'p' }], changeId: 'c2' }],
    ],
    ['add-tag', [{ type: 'image.add-tag', tag: 'new', changeId: 'c2' }]],
    ['remove-tag', [{ type: 'image.remove-tag', tag: 't', changeId: 'c2' }]],
    ['add-member', [{ type: 'image.add-member', projectId: 'blue', changeId: 'c2' }]],
    [
      'remove-member',
      [
        { type: 'image.add-member', projectId: 'blue', changeId: 'c3' },
        { type: 'image.remove-member', projectId: 'blue', changeId: 'c2' },
      ],
    ],
    ['start-upload', [upload]],
    ['finish-upload', [upload, finish]],
    ['fail-upload', [upload, fail]],
    ['deactivate', [upload, finish, { type: 'image.deactivate' }]],
    ['reactivate', [upload, finish, { type: 'image.deactivate' }, { type: 'image.reactivate' }]],
    ['delete', [remove()]],
    ['file-removed', [upload, finish, remove(), { type: 'image.file-removed' }]],
  ])('%s', (_name, commands) => {
    const start: ImageCommand = {
      type: 'image.change',
      changes: [
        { op: 'set-property', name: 'p', value: 'v', expect: 'any' },
        { op: 'set-tags', tags: ['t'] },
      ],
      changeId: 'c1',
    };
    const run = image(start, ...commands);
    expect(repeat(run, commands.at(-1) ?? start)).toEqual(unchanged);
  });

  it("another's create with the same id is no repeat", () => {
    const run = image();
    expect(run.refusal({ ...createCommand, changeId: 'other' })).toEqual({
      refused: 'image-exists',
      detail: { imageId: 'i' },
    });
  });
});

describe('uploads', () => {
  it('only one is under way, and only a queued image takes one', () => {
    const run = image(upload);
    const second: ImageCommand = { type: 'image.start-upload', uploadId: 'u2' };
    expect(run.refusal(second)).toEqual({
      refused: 'image-status',
      detail: { from: 'saving', to: 'saving' },
    });
    run.send(finish);
    expect(run.refusal(second).detail).toEqual({ from: 'active', to: 'saving' });
  });

  it('a missing format is named', () => {
    const run = runEntity(imageDefinition, 'i');
    run.send({ ...createCommand, attributes: { ...attributes, diskFormat: null } });
    expect(run.refusal(upload)).toEqual({
      refused: 'image-formats-missing',
      detail: { missing: ['disk_format'] },
    });
  });

  it('the end of another upload changes nothing', () => {
    const run = image(upload);
    expect(repeat(run, { type: 'image.fail-upload', uploadId: 'u0', reason: 'r' })).toEqual(
      unchanged,
    );
    expect(run.refusal({ type: 'image.finish-upload', uploadId: 'u0', file }).refused).toBe(
      'image-gone',
    );
    expect(run.state.status).toBe('saving');
  });

  it('after a failure the image is queued and takes the next one', () => {
    const run = image(upload, fail);
    expect(run.state).toMatchObject({ status: 'queued', uploadId: undefined, file: undefined });
    run.send({ type: 'image.start-upload', uploadId: 'u2' });
    run.send({ type: 'image.finish-upload', uploadId: 'u2', file });
    expect(run.state).toMatchObject({ status: 'active', file });
  });

  it('an upload that ends after the deletion is told that the image is gone', () => {
    const run = image(upload, remove());
    expect(run.refusal(finish).refused).toBe('image-gone');
  });
});

describe('what must be under way', () => {
  it('an upload is tended while it lasts, a file is removed after the deletion', () => {
    const run = image();
    const todo = () => imageDefinition.todo(run.state);
    expect(todo()).toEqual([]);
    run.send(upload);
    expect(todo()).toEqual([
      { id: 'upload:u1', kind: 'tend-upload', uploadId: 'u1', storedAs: 'i' },
    ]);
    run.send(finish);
    expect(todo()).toEqual([]);
    run.send(remove());
    expect(todo()).toEqual([{ id: 'remove-file', kind: 'remove-file' }]);
    run.send({ type: 'image.file-removed' });
    expect(todo()).toEqual([]);
  });

  it('an image without bytes leaves none to remove; one whose upload is under way may', () => {
    expect(imageDefinition.todo(image(remove()).state)).toEqual([]);
    expect(imageDefinition.todo(image(upload, remove()).state)).toEqual([
      { id: 'remove-file', kind: 'remove-file' },
    ]);
  });
});

it('an image that is not there refuses everything but its creation', () => {
  const run = runEntity(imageDefinition, 'i');
  const commands: readonly ImageCommand[] = [
    remove(),
    upload,
    { type: 'image.change', changes: [], changeId: 'c' },
    { type: 'image.add-tag', tag: 't', changeId: 'c' },
    { type: 'image.add-member', projectId: 'p', changeId: 'c' },
    { type: 'image.deactivate' },
  ];
  for (const command of commands)
    expect(run.refusal(command)).toEqual({ refused: 'image-not-found', detail: { imageId: 'i' } });
  expect(run.events).toEqual([]);
});

it('limits hold for tags and members, however they come', () => {
  const tags = Array.from({ length: 128 }, (_, index) => `t${index}`);
  const run = image({ type: 'image.change', changes: [{ op: 'set-tags', tags }], changeId: 'c1' });
  expect(run.refusal({ type: 'image.add-tag', tag: 'one more', changeId: 'c2' })).toEqual({
    refused: 'image-limit',
    detail: { what: 'tags', attempted: 129, maximum: 128 },
  });
  for (let index = 0; index < 128; index += 1)
    run.send({ type: 'image.add-member', projectId: `p${index}`, changeId: `m${index}` });
  expect(
    run.refusal({ type: 'image.add-member', projectId: 'one more', changeId: 'm' }).detail,
  ).toEqual({ what: 'members', attempted: 129, maximum: 128 });
});
