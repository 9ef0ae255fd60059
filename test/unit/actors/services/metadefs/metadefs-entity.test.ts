// The catalogue of metadata definitions: what twice-sent commands and its bounds do. The rest is tested over HTTP.
import { expect, it } from 'vitest';
import { metadefLimits, metadefsDefinition } from '#actors/services/metadefs/entity.ts';
import type { MetadefCommand, MetadefNamespaceRecord } from '#actors/services/metadefs/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { runEntity } from '../../run-entity.ts';

const namespace = (name: string): MetadefNamespaceRecord => ({
  name,
  visibility: 'public',
  protected: false,
  ownerId: 'p',
});
const create = (name: string, changeId = name): MetadefCommand => ({
  type: 'metadefs.create-namespace',
  namespace: namespace(name),
  items: [],
  changeId,
});

it('a command that comes twice changes nothing the second time', () => {
  const run = runEntity(metadefsDefinition, 'metadefs');
  const tag = { type: 'metadefs.add-item', namespace: 'n', kind: 'tag' } as const;
  const add: MetadefCommand = { ...tag, item: { name: 't', body: {} }, changeId: 'c2' };
  for (const command of [create('n', 'c1'), add]) {
    expect(isRefusal(run.send(command))).toBe(false);
    const before = run.state;
    expect(isRefusal(run.send(command))).toBe(false);
    expect(run.state).toBe(before);
  }
});

it('more namespaces, or more items in one, than are kept are refused', () => {
  const run = runEntity(metadefsDefinition, 'metadefs');
  for (let index = 0; index < metadefLimits.namespaces; index += 1) run.send(create(`n${index}`));
  expect(run.send(create('one-more'))).toEqual({
    refused: 'metadef-limit',
    detail: { what: 'namespaces', maximum: 1_000 },
  });
  const items = Array.from({ length: metadefLimits.items }, (_none, index) => ({
    name: `t${index}`,
    body: {},
  }));
  run.send({ type: 'metadefs.set-tags', namespace: 'n0', items, append: false, changeId: 'all' });
  const more = { namespace: 'n0', changeId: 'more' };
  const item = { name: 'one-more', body: {} };
  for (const command of [
    { type: 'metadefs.set-tags', ...more, items: [item], append: true },
    { type: 'metadefs.add-item', ...more, kind: 'tag', item },
  ] as const satisfies readonly MetadefCommand[])
    expect(run.send(command)).toEqual({
      refused: 'metadef-limit',
      detail: { what: 'items', maximum: 1_000 },
    });
});
