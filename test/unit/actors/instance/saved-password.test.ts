// What a guest has posted as its password: the first one stays, until its user clears it.
import { expect, it } from 'vitest';
import { metadataOf } from '#actors/instance/metadata.ts';
import { instanceIn, serverId } from './instance-driver.ts';

const parts = { networks: [], randomSeed: new Uint8Array(1) };

it('a posted password is kept once, told to metadata, and cleared', () => {
  const driver = instanceIn('active');
  const post = (password: string) => driver.send({ type: 'instance.save-password', password });
  expect(post('first')).toEqual({});
  expect(post('second')).toEqual({});
  expect(driver.state.savedPassword).toBe('first');
  expect(metadataOf(driver.state, parts as never)).toMatchObject({
    uuid: serverId,
    password: 'first',
  });
  driver.send({ type: 'instance.clear-password' });
  const events = driver.events.length;
  driver.send({ type: 'instance.clear-password' });
  expect(driver.events).toHaveLength(events);
  expect(driver.state.savedPassword).toBeUndefined();
  post('third');
  expect(driver.state.savedPassword).toBe('third');
});
