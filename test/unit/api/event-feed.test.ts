// The event feed over the owner's door: over a real socket in a private directory.
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterAdmin } from '#api/admin/cluster-admin.ts';
import { type ControlServer, openControlServer } from '#api/admin/control-server.ts';
import { realEnv } from '#runtime/env/real.ts';
import { feedOf } from '#runtime/events/feed.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

let directory: string;
let server: ControlServer;
let journal: MemoryJournal;
let watchers: { count: number };

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kilonova-feed-'));
  journal = openMemoryJournal({ env: realEnv(silentLog) });
  const watching = { count: 0 };
  watchers = watching;
  const counted: Pick<MemoryJournal, 'subscribe'> = {
    subscribe: (listener) => {
      watching.count += 1;
      const leave = journal.subscribe(listener);
      return () => {
        watching.count -= 1;
        leave();
      };
    },
  };
  const admin = { watch: (kind) => feedOf(counted, kind) } as Partial<ClusterAdmin> as ClusterAdmin;
  const path = join(directory, 'control.sock');
  server = await openControlServer({ log: silentLog, admin, path, onLeft: () => undefined });
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

function watch(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const socketPath = join(directory, 'control.sock');
    request({ socketPath, path }, resolve).on('error', reject).end();
  });
}

function append(key: `${string}/${string}`, version: number) {
  const events = [{ type: 'thing.made', version: 1, data: { secret: 'nobody is told' } }];
  return journal.append({
    key,
    expectedVersion: version,
    epoch: 3,
    requestId: undefined,
    events,
    atMs: 7,
  });
}

async function firstLine(reply: IncomingMessage): Promise<unknown> {
  for await (const line of createInterface({ input: reply })) {
    reply.destroy();
    return JSON.parse(line);
  }
  return undefined;
}

describe('the event feed', () => {
  it('tells what happened to which entity, and nothing of what is in it', async () => {
    const reply = await watch('/events');
    await append('thing/1', 0);
    expect(await firstLine(reply)).toEqual({
      atMs: 7,
      entity: 'thing/1',
      version: 1,
      epoch: 3,
      events: ['thing.made'],
    });
  });

  it('tells of one kind alone when asked to', async () => {
    const reply = await watch('/events?kind=thing');
    await append('other/1', 0);
    await append('thing/2', 0);
    expect(await firstLine(reply)).toMatchObject({ entity: 'thing/2' });
  });

  it('ends with its watcher', async () => {
    const reply = await watch('/events');
    expect(watchers.count).toBe(1);
    reply.destroy();
    await expect.poll(() => watchers.count).toBe(0);
  });

  it('lets a watcher go that reads too slowly, and keeps nothing for it', async () => {
    const reply = await watch('/events');
    reply.pause();
    for (let version = 0; watchers.count > 0 && version < 100_000; version += 1)
      await append(`thing/${'x'.repeat(4_000)}`, version);
    expect(watchers.count).toBe(0);
    let last = '';
    for await (const line of createInterface({ input: reply })) last = line;
    expect(JSON.parse(last)).toEqual({ error: 'too slow: lines were left out; watch again' });
  });
});
