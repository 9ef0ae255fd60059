// What must be there, from what was answered: the checker must find each way in which a cloud can break its word.
import { describe, expect, it } from 'vitest';
import type { ServerRow } from '#cli/chaos/api-client.ts';
import { ExpectedNames, type ExpectedServer, ExpectedServers, GONE } from '#cli/chaos/expected.ts';
import type { Noted, Verdict } from '#cli/chaos/record.ts';

const noted = (verdict: Verdict, requestId: string, body: unknown = {}): Noted => ({
  verdict,
  requestId,
  reply: { status: 0, requestId, isStale: false, body },
});
const row = (id: string, status: string, more: Partial<ServerRow> = {}): ServerRow => ({
  id,
  name: `name of ${id}`,
  status,
  metadata: { mark: 'new' },
  'OS-EXT-STS:task_state': null,
  ...more,
});

function withServer(id = 'a'): { servers: ExpectedServers; server: () => ExpectedServer } {
  const servers = new ExpectedServers();
  servers.created(
    `name of ${id}`,
    0,
    noted('acknowledged', `req-create-${id}`, { server: { id } }),
  );
  const server = (): ExpectedServer => {
    const found = servers.get(id);
    if (found === undefined) throw new Error(`${id} is not expected`);
    return found;
  };
  return { servers, server };
}
const wordsOf = (servers: ExpectedServers, rows: readonly ServerRow[]): readonly string[] =>
  servers.compare(rows).map(({ words }) => words);

describe('a server whose create was acknowledged', () => {
  it('must be there, ACTIVE or in ERROR with a reason', () => {
    const { servers } = withServer();
    expect(wordsOf(servers, [row('a', 'ACTIVE')])).toEqual([]);
    expect(wordsOf(servers, [row('a', 'ERROR', { fault: { message: 'no host' } })])).toEqual([]);
    expect(wordsOf(servers, [])).toEqual([
      'server name of a a is GONE, not ACTIVE; last acknowledged: create req-create-a',
    ]);
    expect(wordsOf(servers, [row('a', 'ERROR')])).toHaveLength(1);
  });

  it('must be gone after an acknowledged delete, an error is no excuse', () => {
    const { servers, server } = withServer();
    servers.asked(server(), 'delete', GONE, noted('acknowledged', 'req-delete'));
    expect(wordsOf(servers, [])).toEqual([]);
    expect(wordsOf(servers, [row('a', 'ACTIVE')])).toEqual([
      'server name of a a is ACTIVE, not GONE; last acknowledged: delete req-delete',
    ]);
    expect(wordsOf(servers, [row('a', 'ERROR', { fault: { message: 'x' } })])).toHaveLength(1);
  });

  it('shows the last acknowledged operation; a refused one changes nothing', () => {
    const { servers, server } = withServer();
    servers.asked(server(), 'os-stop', 'SHUTOFF', noted('acknowledged', 'req-stop'));
    servers.asked(server(), 'os-start', 'ACTIVE', noted('refused', 'req-start'));
    expect(wordsOf(servers, [row('a', 'SHUTOFF')])).toEqual([]);
    expect(servers.compare([row('a', 'ACTIVE')])).toEqual([
      {
        server: server(),
        words: 'server name of a a is ACTIVE, not SHUTOFF; last acknowledged: os-stop req-stop',
        request: { what: 'os-stop', requestId: 'req-stop' },
        isAsBefore: true,
      },
    ]);
    expect(servers.compare([row('a', 'PAUSED')])[0]?.isAsBefore).toBe(false);
  });

  it('may be as a request of unknown outcome makes it, also later', () => {
    const { servers, server } = withServer();
    servers.asked(server(), 'pause', 'PAUSED', noted('unknown', ''));
    servers.asked(server(), 'os-stop', 'SHUTOFF', noted('acknowledged', 'req-stop'));
    for (const status of ['PAUSED', 'SHUTOFF'])
      expect(wordsOf(servers, [row('a', status)])).toEqual([]);
    expect(wordsOf(servers, [row('a', 'ACTIVE')])).toHaveLength(1);
  });

  it('has the mark that was acknowledged last', () => {
    const { servers, server } = withServer();
    servers.marked(server(), 'one', noted('acknowledged', 'req-1'));
    servers.marked(server(), 'two', noted('unknown', ''));
    servers.marked(server(), 'three', noted('refused', 'req-3'));
    const marks = ['new', 'one', 'two', 'three'].filter(
      (mark) => wordsOf(servers, [row('a', 'ACTIVE', { metadata: { mark } })]).length === 0,
    );
    expect(marks).toEqual(['one', 'two']);
    servers.marked(server(), 'four', noted('acknowledged', 'req-4'));
    expect(wordsOf(servers, [row('a', 'ACTIVE', { metadata: { mark: 'one' } })])).toHaveLength(1);
  });
});

describe('a server that nobody was told of', () => {
  it('may be there if its create may have been carried out, once', () => {
    const servers = new ExpectedServers();
    servers.created('name of a', 0, noted('unknown', ''));
    expect(wordsOf(servers, [])).toEqual([]);
    expect(wordsOf(servers, [row('a', 'ACTIVE')])).toEqual([]);
    expect(
      wordsOf(servers, [row('a', 'ACTIVE'), row('b', 'ACTIVE', { name: 'name of a' })]),
    ).toEqual(['one request made 2 servers name of a: a, b']);
  });

  it('is wrong if nobody asked for it, or its create was refused', () => {
    const servers = new ExpectedServers();
    servers.created('name of a', 0, noted('refused', 'req-a'));
    expect(wordsOf(servers, [row('a', 'ACTIVE')])).toEqual([
      'server name of a a is ACTIVE, and nobody asked for it',
    ]);
  });

  it('is known from then on, once everything is settled', () => {
    const servers = new ExpectedServers();
    servers.created('name of a', 3, noted('unknown', ''));
    servers.settle([row('a', 'PAUSED')]);
    expect(servers.ownedBy(3).map(({ id, status }) => [id, status])).toEqual([['a', 'PAUSED']]);
    expect(wordsOf(servers, [])).toHaveLength(1);
  });
});

describe('a name', () => {
  it('is there or not, as acknowledged, and either when nobody knows', () => {
    const names = new ExpectedNames('flavor');
    for (const name of ['kept', 'lost', 'ended', 'back', 'maybe'])
      names.made(name, noted(name === 'maybe' ? 'unknown' : 'acknowledged', ''));
    names.made('refused', noted('refused', ''));
    for (const name of ['ended', 'back']) names.deleted(name, noted('acknowledged', ''));
    names.deleted('kept', noted('refused', ''));
    expect(names.compare(new Set(['kept', 'back', 'refused']))).toEqual([
      'flavor lost is not there, though its creation was acknowledged',
      'flavor back is there, though its end was acknowledged',
      'flavor refused is there, though its end was acknowledged',
    ]);
    expect(names.there()).toEqual(['kept', 'lost']);
  });
});
