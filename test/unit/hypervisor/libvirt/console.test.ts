import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConsoleLog, removeOldConsoleLogs } from '#hypervisor/libvirt/console.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-console-'));
  path = join(directory, 'console.log');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function read(maxBytes: number): Promise<string> {
  return Buffer.from(await readConsoleLog(path, maxBytes)).toString();
}

describe('the console log', () => {
  test('is empty when there is none', async () => {
    expect(await read(100)).toBe('');
  });

  test('gives its end', async () => {
    await writeFile(path, '0123456789');
    expect([await read(0), await read(1), await read(10), await read(11)]).toEqual([
      '',
      '9',
      '0123456789',
      '0123456789',
    ]);
  });

  test('goes back into older parts as far as asked', async () => {
    await writeFile(path, 'new');
    await writeFile(`${path}.0`, 'older');
    await writeFile(`${path}.1`, 'oldest');
    expect([await read(3), await read(5), await read(8), await read(99)]).toEqual([
      'new',
      'ernew',
      'oldernew',
      'oldestoldernew',
    ]);
  });

  test('is there in its old part while a new one has not begun', async () => {
    await writeFile(`${path}.0`, 'older');
    expect(await read(99)).toBe('older');
  });

  test('stops at a gap: what is beyond it is of another time', async () => {
    await writeFile(path, 'new');
    await writeFile(`${path}.1`, 'stray');
    expect(await read(99)).toBe('new');
  });

  test('a path that is no file is a fault that names it', async () => {
    await expect(readConsoleLog(directory, 10)).rejects.toMatchObject({
      name: 'HypervisorFault',
      code: 'failed',
      message: expect.stringContaining(directory),
    });
  });

  test('old parts go before a new start, and nothing else', async () => {
    await Promise.all(
      [path, `${path}.0`, `${path}.2`, `${path}.txt`].map((file) => writeFile(file, 'x')),
    );
    await removeOldConsoleLogs(path);
    const left = await Promise.allSettled(
      [path, `${path}.0`, `${path}.2`, `${path}.txt`].map((file) => access(file)),
    );
    expect(left.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
  });
});
