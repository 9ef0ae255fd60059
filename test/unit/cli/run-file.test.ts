import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRunning, removeRunFile, startTicksOf, writeRunFile } from '#cli/run-file.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'kilonova-run-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const run = { url: 'http://127.0.0.1:8774', hypervisor: 'simulated' };
const path = (): string => join(data, 'run.json');
const write = (text: string): void => writeFileSync(path(), text);

describe('a running cloud', () => {
  it('is found by its note', () => {
    writeRunFile(data, run);
    const note = { pid: process.pid, startTicks: startTicksOf(process.pid), ...run };
    expect(findRunning(data)).toEqual(note);
    expect(readdirSync(data)).toEqual(['run.json']);
  });

  it('whose pid is another program’s by now runs no more', () => {
    writeRunFile(data, run);
    const note = JSON.parse(readFileSync(path(), 'utf8')) as object;
    write(JSON.stringify({ ...note, startTicks: '1' }));
    expect(findRunning(data)).toBeUndefined();
  });

  it('whose process is gone runs no more', () => {
    const { pid } = spawnSync('true');
    write(JSON.stringify({ pid, startTicks: '5', ...run }));
    expect(findRunning(data)).toBeUndefined();
  });

  it.each(['', '{', 'null', '{}', '[]', '5', '{"pid":1}', '{"pid":"x/../self","startTicks":"1"}'])(
    'is not made out of the note %j',
    (text) => {
      write(text);
      expect(findRunning(data)).toBeUndefined();
    },
  );

  it('leaves no note when it goes, and going twice is no trouble', () => {
    writeRunFile(data, run);
    removeRunFile(data);
    removeRunFile(data);
    expect(existsSync(path())).toBe(false);
    expect(findRunning(data)).toBeUndefined();
  });
});

describe('the start of a process', () => {
  it('stays the same while it lives', () => {
    expect(startTicksOf(process.pid)).toMatch(/^\d+$/);
    expect(startTicksOf(process.pid)).toBe(startTicksOf(process.pid));
  });

  it('of one that is not there is not known', () => {
    const { pid } = spawnSync('true');
    expect(startTicksOf(pid)).toBeUndefined();
  });

  it('is found whatever the program calls itself', () => {
    const name = 'exec -a ") 1 2 (" sh -c \'cat /proc/$$/stat\'';
    const { stdout } = spawnSync('bash', ['-c', name], { encoding: 'utf8' });
    const ticks = stdout.slice(stdout.lastIndexOf(')') + 2).split(' ')[19];
    expect(ticks).toMatch(/^\d+$/);
  });
});
