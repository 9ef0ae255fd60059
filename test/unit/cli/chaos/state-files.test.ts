// Reading what a simulated host records, while it writes: whole lines only, and anew when the file was written anew.
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateFile } from '#cli/chaos/state-files.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kilonova-state-'));
  path = join(directory, 'host-1.state');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const guest = (id: string, power: string): string =>
  `${JSON.stringify(['guest', id, { id, power }])}\n`;

describe('a state file', () => {
  it('that is not there yet holds nothing', () => {
    expect(new StateFile(path).look().guests()).toEqual([]);
  });

  it('is read on from where it ended, a half line not before it is whole', () => {
    writeFileSync(path, guest('a', 'running'));
    const file = new StateFile(path).look();
    const line = guest('ä', 'paused');
    const bytes = Buffer.from(line);
    const cut = line.indexOf('ä') + 1;
    appendFileSync(path, bytes.subarray(0, cut));
    expect(file.look().guests()).toEqual([{ id: 'a', power: 'running' }]);
    appendFileSync(path, bytes.subarray(cut));
    appendFileSync(path, guest('a', 'off'));
    expect(file.look().guests()).toEqual([{ id: 'ä', power: 'paused' }]);
    expect(file.keys('guest')).toEqual(['a', 'ä']);
  });

  it('is read anew when another one took its place', () => {
    writeFileSync(path, guest('a', 'running') + guest('b', 'running'));
    const file = new StateFile(path).look();
    writeFileSync(`${path}.new`, guest('c', 'running'));
    renameSync(`${path}.new`, path);
    expect(file.look().guests()).toEqual([{ id: 'c', power: 'running' }]);
  });

  it('forgets what a line without a value takes away', () => {
    writeFileSync(path, `${guest('a', 'running')}["guest","a"]\n["port","p",1]\n`);
    const file = new StateFile(path).look();
    expect([file.keys('guest'), file.keys('port')]).toEqual([[], ['p']]);
  });
});
