// What the cloud holds and shows at the end, compared with its servers: each kind of leak and of contradiction is found.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerRow } from '#cli/chaos/api-client.ts';
import { checkHeld, checkHosts, checkRest, checkSame, type Seen } from '#cli/chaos/checks.ts';
import { GuestWatch } from '#cli/chaos/guest-watch.ts';

const row = (id: string, status: string, taskState: string | null = null): ServerRow => ({
  id,
  name: id,
  status,
  metadata: {},
  'OS-EXT-STS:task_state': taskState,
});
const seen = (changes: Partial<Seen> = {}): Seen => ({
  url: 'http://one',
  servers: [row('a', 'ACTIVE'), row('b', 'SHUTOFF'), row('e', 'ERROR')],
  flavors: new Set(['m1.tiny']),
  keypairs: new Set(),
  limits: { totalInstancesUsed: 3, totalCoresUsed: 3 },
  consumers: ['a', 'b'],
  ports: ['a', 'b', 'e'],
  ...changes,
});

describe('what is held', () => {
  it('is right for the servers that are there; one in error may hold some or none', () => {
    expect(checkHeld(seen())).toEqual([]);
  });

  it.each<[Partial<Seen>, string]>([
    [
      { limits: { totalInstancesUsed: 4, totalCoresUsed: 3 } },
      'quota counts 4 servers and 3 cores for 3 servers',
    ],
    [{ consumers: ['a'] }, 'server b is SHUTOFF, but has not an allocation'],
    [{ consumers: ['a', 'b', 'x'] }, 'an allocation of x, which is no server'],
    [{ consumers: ['a', 'a', 'b'] }, 'server a has an allocation twice'],
    [{ ports: ['a', 'b', 'gone'] }, 'a port of gone, which is no server'],
  ])('%j is found out', (changes, words) => {
    expect(checkHeld(seen(changes))).toEqual([words]);
  });
});

describe('what controllers say', () => {
  it('is the same but for their own addresses', () => {
    const other = seen({ url: 'http://two', servers: seen().servers.toReversed() });
    expect(checkSame([seen(), other])).toEqual([]);
  });

  it('is compared server by server, and for all else', () => {
    const other = seen({
      url: 'http://two',
      servers: [row('a', 'PAUSED'), row('b', 'SHUTOFF')],
      flavors: new Set(),
    });
    expect(checkSame([seen(), other])).toEqual(
      ['server a', 'server e', 'flavors'].map(
        (what) => `${what}: http://one and http://two don't say the same`,
      ),
    );
  });
});

it('a server that still moves is told with its task', () => {
  expect(checkRest([row('a', 'ACTIVE', 'pausing'), row('b', 'ACTIVE')])).toEqual([
    'server a a is still ACTIVE/pausing',
  ]);
});

describe('on the hosts', () => {
  let directory: string;
  let paths: readonly string[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kilonova-hosts-'));
    paths = ['one', 'two'].map((name) => join(directory, name));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const keep = (host: number, ...ids: readonly string[]): void =>
    writeFileSync(
      paths[host] ?? '',
      ids
        .flatMap((id) => [
          ['guest', id, { id, power: 'running' }],
          ['file', id, []],
        ])
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    );

  it('guests and disks are those of the servers, each once', () => {
    keep(0, 'a');
    keep(1, 'b');
    expect(checkHosts([row('a', 'ACTIVE'), row('b', 'PAUSED')], paths)).toEqual([]);
    expect(checkHosts([row('a', 'ACTIVE'), row('c', 'ACTIVE')], paths)).toEqual([
      'server c is ACTIVE, but no host has its guest',
      'a guest of b runs, but there is no such server',
      'server c is ACTIVE, but has not a disk',
      'a disk of b, which is no server',
    ]);
    expect(checkHosts([row('a', 'ACTIVE'), row('b', 'SHUTOFF')], paths)).toEqual([
      'a guest of b runs, but the server is SHUTOFF',
    ]);
  });

  it('a guest on two of them is found, at the end and while it is so', () => {
    keep(0, 'a');
    keep(1, 'b');
    const watch = new GuestWatch(paths);
    watch.look();
    expect(watch.violations).toEqual([]);
    keep(1, 'b', 'a');
    watch.look();
    watch.look();
    expect(watch.violations).toEqual([`guest a runs on two hosts at once: ${paths.join(' and ')}`]);
    expect(checkHosts([row('a', 'ACTIVE'), row('b', 'ACTIVE')], paths)).toEqual([
      'the guest of a is on two hosts',
      'server a has a disk twice',
    ]);
  });
});
