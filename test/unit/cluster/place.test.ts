// A controller's place: founder, member that starts again, or refused in words.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '#config/schema.ts';
import type { ClusterTable, MemberRecord } from '#runtime/membership/store.ts';
import {
  memberClusterOf,
  readMemberFile,
  removeMemberFiles,
  writeMemberFile,
} from '../../../src/member-file.ts';
import { takePlace } from '../../../src/place.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'kilonova-place-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const record = (id: string, isRevoked = false): MemberRecord => ({
  id,
  role: 'controller',
  name: id,
  addresses: [],
  apiUrl: undefined,
  admittedAtMs: 0,
  isRevoked,
});
const table = (...members: MemberRecord[]): ClusterTable => ({
  members,
  presences: [],
  shards: [],
  generation: 0,
});
const take = (found: ClusterTable, cluster = 'cloud') =>
  takePlace({ config: { ...defaultConfig, data }, cluster, self: 'me', table: found });
/** As a start does once the store knows of it. */
const settle = (): void => {
  const file = readMemberFile(data);
  if (file === undefined) throw new Error('there is no member file');
  const { isFounding: _, ...settled } = file;
  writeMemberFile(data, settled);
};

describe('the first controller', () => {
  it('founds a cluster on an empty store, with a key that only its owner can read', () => {
    const { file, record: known } = take(table());
    expect(known).toBeUndefined();
    expect(Buffer.from(file.networkKey, 'base64').toString()).toMatch(
      /^\/key\/swarm\/psk\/1\.0\.0\//,
    );
    expect(readMemberFile(data)).toEqual(file);
    expect(statSync(join(data, 'member.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(data, 'images', '.cluster'), 'utf8')).toBe('cloud\n');
  });

  it('that broke off before or after the store knew of it goes on with the same key', () => {
    const { file } = take(table());
    expect(take(table()).file).toEqual(file);
    expect(take(table(record('me'))).file).toEqual(file);
    settle();
    expect(take(table(record('me'))).file.networkKey).toBe(file.networkKey);
  });

  it('is refused where a cluster is already, or a cloud in one process', () => {
    expect(() => take(table(record('other')))).toThrow(
      /holds a cluster already.*kilonova join TOKEN/,
    );
    expect(readMemberFile(data)).toBeUndefined();
    writeFileSync(join(data, 'journal.db'), '');
    expect(() => take(table())).toThrow(/runs in one process \(journal\.db\)/);
  });
});

describe('a member that starts again', () => {
  beforeEach(() => {
    take(table());
    settle();
  });

  it('is refused when it was revoked, taken out, or the store is not the one that it was', () => {
    expect(() => take(table(record('me', true)))).toThrow(/was revoked/);
    expect(() => take(table(record('other')))).toThrow(/was taken out of the cluster/);
    expect(() => take(table())).toThrow(/this Redis is empty.*is it the right Redis/);
  });

  it('is refused when the images are not there, or are another cluster’s', () => {
    const mark = join(data, 'images', '.cluster');
    writeFileSync(mark, 'another\n');
    expect(() => take(table(record('me')))).toThrow(/images of another cluster \(another\)/);
    rmSync(mark);
    expect(() => take(table(record('me')))).toThrow(/does not hold this cluster's images/);
    rmSync(join(data, 'images'), { recursive: true });
    expect(() => take(table(record('me')))).toThrow(/does not hold this cluster's images/);
  });
});

describe('the files of a member', () => {
  it('are gone when it has left, but for the id of the cloud whose marks remain', () => {
    take(table());
    writeFileSync(join(data, 'identity.key'), 'key');
    removeMemberFiles(data);
    expect(readMemberFile(data)).toBeUndefined();
    expect(existsSync(join(data, 'identity.key'))).toBe(false);
    expect(memberClusterOf(data)).toBe('cloud');
  });

  it('that are damaged or of another release are named', () => {
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'member.json'), '{"version":');
    expect(() => readMemberFile(data)).toThrow(/member\.json is damaged.*Join again/);
    writeFileSync(join(data, 'member.json'), '{"version":2}');
    expect(() => readMemberFile(data)).toThrow(/is of another release/);
  });
});
