import { expect, test } from 'vitest';
import { Lane } from '#hypervisor/lane.ts';

interface Work {
  readonly started: string[];
  readonly make: (name: string) => () => Promise<string>;
  readonly end: () => void;
}

function work(): Work {
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const make = (name: string) => (): Promise<string> => {
    started.push(name);
    const { promise, resolve } = Promise.withResolvers<string>();
    ends.push(() => resolve(name));
    return promise;
  };
  return { started, make, end: () => ends.shift()?.() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many run at once, the others in the order of their coming', async () => {
  const { started, make, end } = work();
  const lane = new Lane('test', 2, 10);
  const results = ['a', 'b', 'c', 'd'].map((name) => lane.run(make(name)));
  await settled();
  expect(started).toEqual(['a', 'b']);
  end();
  await settled();
  expect(started).toEqual(['a', 'b', 'c']);
  for (let count = 0; count < 3; count += 1) {
    end();
    await settled();
  }
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
});

test('one too many is refused in words, and may be tried later', async () => {
  const { make, end } = work();
  const lane = new Lane('test', 1, 1);
  const first = lane.run(make('a'));
  const second = lane.run(make('b'));
  await expect(lane.run(make('c'))).rejects.toMatchObject({ code: 'failed', retryable: true });
  await settled();
  end();
  await settled();
  end();
  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
});

test('work that fails gives its place free', async () => {
  const lane = new Lane('test', 1, 1);
  await expect(lane.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await lane.run(() => Promise.resolve('next'))).toBe('next');
});
