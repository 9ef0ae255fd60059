// Several controllers over one simulated store and network: who owns what, and what an asker sees while that changes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CounterCluster, type Controller } from '#test/support/counter-cluster.ts';
import { counterDefinition, counters } from '../entity/counter.ts';
import { add } from '../entity/counter-member.ts';

const ids = Array.from({ length: 24 }, (_, index) => `c${index}`);
let cluster: CounterCluster;
beforeEach(() => {
  cluster = new CounterCluster(7);
});
afterEach(() => cluster.dispose());

function askVia(controller: Controller, id: string, by = 2, deadlineMs = 20_000) {
  return controller.router.ask(counters.ref(id), add(by), { requestId: 'req-1', deadlineMs });
}

function totalsAt({ host }: Controller): Readonly<Record<string, number>> {
  const view = host.view(counterDefinition);
  return Object.fromEntries(ids.map((id) => [id, view.get(id)?.total ?? 0]));
}

const each = (total: number) => Object.fromEntries(ids.map((id) => [id, total]));

/** Asks that go on until they are told to end; every answer is counted. */
function load(through: () => readonly Controller[]) {
  const outcome = { asked: 0, done: 0, faults: [] as string[] };
  let isOver = false;
  let open = 0;
  const next = (): void => {
    if (isOver) return;
    const routes = through();
    const controller = routes[outcome.asked % routes.length]!;
    const id = ids[outcome.asked % ids.length]!;
    outcome.asked += 1;
    open += 1;
    const answered = (): void => {
      outcome.done += 1;
      open -= 1;
    };
    askVia(controller, id).then(answered, (error: unknown) => {
      open -= 1;
      outcome.faults.push(String(error));
    });
    cluster.env.timers.after(3, next);
  };
  next();
  return {
    outcome,
    end: async () => {
      isOver = true;
      await cluster.env.runUntil(() => open === 0, 'all answers', 60_000);
      return outcome;
    },
  };
}

describe('one controller', () => {
  it('serves all shards as soon as it has started', async () => {
    const a = await cluster.start('a');
    expect(cluster.owners()).toEqual(Array.from({ length: 8 }, () => ['a']));
    expect(await cluster.env.complete(askVia(a, 'c1'), 'an answer')).toEqual({ total: 2 });
  });

  it('serves again at once as a new incarnation after kill -9, with what was acknowledged', async () => {
    const a = await cluster.start('a');
    await cluster.env.complete(askVia(a, 'c1'), 'an answer');
    cluster.kill(a);
    const before = cluster.env.clock.monotonic();
    const again = await cluster.start('a');
    expect(cluster.env.clock.monotonic() - before).toBeLessThan(100);
    expect(await cluster.env.complete(askVia(again, 'c1'), 'an answer')).toEqual({ total: 4 });
  });

  it('answers at once that the store is away, goes on showing its states as stale, and serves again when it is back', async () => {
    const a = await cluster.start('a');
    await cluster.env.complete(askVia(a, 'c1'), 'an answer');
    a.journal.setFaults({ isUnavailable: true });
    a.store.setFaults({ isUnavailable: true });
    await cluster.env.advance(10_000);
    const before = cluster.env.clock.monotonic();
    await expect(cluster.env.complete(askVia(a, 'c1'), 'a fault')).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(cluster.env.clock.monotonic() - before).toBeLessThan(200);
    await cluster.env.complete(a.host.barrier(), 'the barrier', 2_000);
    expect([a.host.isStale, totalsAt(a)['c1']]).toEqual([true, 2]);
    a.journal.setFaults({});
    a.store.setFaults({});
    await cluster.settled(2_000);
    expect(await cluster.env.complete(askVia(a, 'c1'), 'an answer')).toEqual({ total: 4 });
    await cluster.env.complete(a.host.barrier(), 'the barrier', 2_000);
    expect(a.host.isStale).toBe(false);
  });
});

it('a controller that lost the answer to its last append of a shard shows what was stored', async () => {
  const [a] = [await cluster.start('a'), await cluster.start('b')];
  await cluster.settled();
  const isHere = (id: string): boolean =>
    a.cluster.shards.isServing(a.cluster.shards.shardOf(`counter/${id}`));
  const id = ids.find(isHere)!;
  a.journal.setFaults({ lostReplyChance: 1 });
  await expect(cluster.env.complete(askVia(a, id), 'an answer')).rejects.toThrow('not known');
  a.journal.setFaults({});
  await cluster.env.complete(a.cluster.leave(), 'the handover');
  await cluster.env.advance(1_000);
  expect(totalsAt(a)[id]).toBe(2);
});

it('asks that wait in thousands for an owner out of reach look for it less often, and still hear of it', async () => {
  const [, b] = [await cluster.start('a'), await cluster.start('b')];
  await cluster.settled();
  const isElsewhere = (id: string): boolean =>
    !b.cluster.shards.isServing(b.cluster.shards.shardOf(`counter/${id}`));
  const id = ids.find(isElsewhere)!;
  cluster.network.partition([['a'], ['b']]);
  const before = cluster.env.tasksRun();
  const answers = Promise.all(
    Array.from({ length: 2_000 }, (_, index) => askVia(b, id, index % 2 === 0 ? 2 : -2)),
  );
  await cluster.env.advance(10_000);
  // Ten looks a second of each would be 200 000.
  expect(cluster.env.tasksRun() - before).toBeLessThan(60_000);
  cluster.network.healAll();
  await cluster.env.complete(answers, 'all answers', 5_000);
  expect(totalsAt(b)[id]).toBe(0);
});

it('a controller that stood still refuses nothing on what it knew before others took over', async () => {
  const [a, b] = [await cluster.start('a'), await cluster.start('b')];
  await cluster.settled();
  const id = ids.find((one) =>
    a.cluster.shards.isServing(a.cluster.shards.shardOf(`counter/${one}`)),
  )!;
  const shard = a.cluster.shards.shardOf(`counter/${id}`);
  // Nobody reaches it, so it is waited for less; it still reaches the store.
  cluster.network.partition([['a'], ['b']]);
  await cluster.env.advance(4_000);
  a.member.pause();
  const isTaken = (): boolean => b.cluster.shards.isServing(shard);
  await cluster.env.runUntil(isTaken, 'the other one to take over', 10_000);
  await cluster.env.complete(askVia(b, id), 'an answer');
  a.member.resume();
  cluster.network.healAll();
  const refused = await cluster.env.complete(askVia(a, id, 0), 'a refusal');
  expect(refused).toEqual({ refused: 'nothing-to-add', detail: { total: 2 } });
});

describe('three controllers', () => {
  let all: readonly Controller[];
  beforeEach(async () => {
    all = [await cluster.start('a'), await cluster.start('b'), await cluster.start('c')];
    await cluster.settled();
    await cluster.env.advance(2_000);
  });

  it('share the shards, each with one owner', () => {
    const owners = cluster.owners();
    expect(owners.every((of) => of.length === 1)).toBe(true);
    expect(new Set(owners.flat()).size).toBeGreaterThan(1);
  });

  it('answer for every entity through each of them, and each sees what the others acknowledged', async () => {
    for (const controller of all)
      for (const id of ids) await cluster.env.complete(askVia(controller, id), 'an answer');
    for (const controller of all) {
      await cluster.env.complete(controller.host.barrier(), 'the barrier');
      expect(totalsAt(controller)).toEqual(each(6));
    }
  });

  it('show what an answer was about before it is heard', async () => {
    all[1]!.journal.setFaults({ minLatencyMs: 40, maxLatencyMs: 40 });
    for (const id of ids) {
      await cluster.env.complete(askVia(all[1]!, id), 'an answer');
      expect(totalsAt(all[1]!)[id]).toBe(2);
    }
  });

  it('hand over to one that joins under load: no ask fails, nothing is done twice', async () => {
    const asking = load(() => all);
    await cluster.start('d');
    await cluster.env.advance(3_000);
    const { asked, done, faults } = await asking.end();
    expect({ done, faults }).toEqual({ done: asked, faults: [] });
    await cluster.env.complete(all[0]!.host.barrier(), 'the barrier');
    const sum = Object.values(totalsAt(all[0]!)).reduce((total, one) => total + one, 0);
    expect(sum).toBe(asked * 2);
    expect(cluster.owners().flat()).toContain('d');
  });

  it('are restarted one after the other under load without a failed ask', async () => {
    let routes = [...all];
    const asking = load(() => routes);
    for (const controller of all) {
      routes = cluster.alive().filter((one) => one !== controller);
      await cluster.env.advance(100);
      await cluster.shutDown(controller);
      await cluster.env.advance(500);
      await cluster.start(controller.id);
      await cluster.settled();
      await cluster.env.advance(2_000);
    }
    const { asked, done, faults } = await asking.end();
    expect({ done, faults }).toEqual({ done: asked, faults: [] });
  });

  it('take what one that leaves hands over, and do not give it back', async () => {
    const leaver = all[1]!;
    const rows = () => all[0]!.cluster.membership.table.shards;
    await cluster.env.complete(all[0]!.cluster.membership.refresh(), 'a look at the table');
    const before = rows();
    const its = before.filter(({ owner }) => owner === leaver.id);
    expect(its.length).toBeGreaterThan(0);
    await cluster.env.complete(leaver.cluster.leave(), 'it to leave');
    await cluster.settled(1_000);
    await cluster.env.complete(all[0]!.cluster.membership.refresh(), 'a look at the table');
    const moves = its.map(({ shard, epoch }) => (rows()[shard]?.epoch ?? 0) - epoch);
    expect(moves).toEqual(its.map(() => 1));
  });

  it('go on without one that is killed: its entities answer elsewhere within 5 s', async () => {
    const victim = all[1]!;
    const its = ids.filter((id) =>
      victim.cluster.shards.isServing(victim.cluster.shards.shardOf(`counter/${id}`)),
    );
    expect(its.length).toBeGreaterThan(0);
    cluster.kill(victim);
    const killedAt = cluster.env.clock.monotonic();
    const answers = its.map((id) => askVia(all[0]!, id));
    await cluster.env.complete(Promise.all(answers), 'all answers');
    expect(cluster.env.clock.monotonic() - killedAt).toBeLessThan(5_000);
  });

  it('take up the effects of one that is killed', async () => {
    const [a, victim] = all;
    const id = ids.find((one) =>
      victim!.cluster.shards.isServing(victim!.cluster.shards.shardOf(`counter/${one}`)),
    )!;
    await cluster.env.complete(askVia(victim!, id, 1), 'the add');
    expect(victim!.host.view(counterDefinition).get(id)?.lit).toEqual([]);
    cluster.kill(victim!);
    await cluster.env.runUntil(
      () => a!.host.view(counterDefinition).get(id)?.lit.length === 1,
      'the light',
    );
  });

  it('fence one that was paused for longer than its lease: it never owns what others took', async () => {
    const [a, paused] = all;
    const id = ids.find((one) =>
      paused!.cluster.shards.isServing(paused!.cluster.shards.shardOf(`counter/${one}`)),
    )!;
    paused!.store.setFaults({ isUnavailable: true });
    for (const other of ['a', 'c']) {
      cluster.network.cut('b', other);
      cluster.network.cut(other, 'b');
    }
    await cluster.env.complete(askVia(a!, id), 'an answer from the next owner');
    const late = paused!.host.ask(counters.ref(id), add(2), { requestId: 'req-2' });
    await expect(cluster.env.complete(late, 'a refusal')).rejects.toMatchObject({ code: 'moved' });
    paused!.store.setFaults({});
    cluster.network.healAll();
    await cluster.settled();
    await cluster.env.complete(a!.host.barrier(), 'the barrier');
    expect(totalsAt(a!)[id]).toBe(2);
  });

  it('reach an owner that one of them has no link to, through the third', async () => {
    const [a, b] = all;
    cluster.network.cut('a', 'b');
    cluster.network.cut('b', 'a');
    await cluster.env.runUntil(() => !a!.transport.isConnected('b'), 'the link to end');
    const id = ids.find((one) =>
      b!.cluster.shards.isServing(b!.cluster.shards.shardOf(`counter/${one}`)),
    )!;
    expect(await cluster.env.complete(askVia(a!, id), 'an answer')).toEqual({ total: 2 });
  });

  it('give a store that went back in time what it lost, and reissue no epoch', async () => {
    for (let round = 1; round <= 3; round += 1) {
      for (const id of ids) await cluster.env.complete(askVia(all[round % 3]!, id), 'an answer');
      const before = await cluster.env.complete(all[0]!.store.table(), 'the table');
      cluster.disk.rollBack(10 * round);
      const highest = Math.max(...before.shards.map(({ epoch }) => epoch));
      const isNew = ({ shard }: { readonly shard: number }): boolean =>
        all.every(({ cluster: { shards } }) => shards.rowOf(shard).epoch > highest);
      await cluster.env.runUntil(() => before.shards.every(isNew), 'new epochs', 5_000);
      await cluster.settled(5_000);
      for (const controller of all) expect(totalsAt(controller)).toEqual(each(2 * round));
    }
    for (const id of ids) await cluster.env.complete(askVia(all[0]!, id), 'an answer');
    for (const controller of all) {
      await cluster.env.complete(controller.host.barrier(), 'the barrier');
      expect(totalsAt(controller)).toEqual(each(8));
      const stored = await cluster.env.complete(
        controller.journal.load(ids.map((id) => `counter/${id}` as const)),
        'the entries',
      );
      expect(stored.map(({ entries }) => entries.at(-1)?.version)).toEqual(ids.map(() => 4));
    }
  });

  it('believe nothing that was told of shards before the store went back', async () => {
    const [a] = all;
    const before = a!.cluster.shards.rowOf(3);
    cluster.disk.rollBack(5);
    await cluster.env.runUntil(() => a!.cluster.membership.table.generation === 1, 'a generation');
    a!.cluster.shards.learn([{ ...before, owner: 'gone', epoch: before.epoch + 7 }]);
    await cluster.settled(5_000);
    await cluster.env.runUntil(
      () => all.every(({ cluster: { shards } }) => shards.rowOf(3).epoch > before.epoch + 7),
      'a new epoch',
      5_000,
    );
    expect(cluster.owners()[3]).toHaveLength(1);
  });

  it('send a revoked one away', async () => {
    await cluster.env.complete(all[0]!.store.revoke('b'), 'the revocation');
    await cluster.env.runUntil(() => all[1]!.expelled.length > 0, 'the expulsion');
    expect(all[1]!.expelled[0]).toBe('revoked');
    await cluster.env.runUntil(
      () => cluster.owners().every((owners) => owners.some((owner) => owner !== 'b')),
      'the others to own everything',
    );
  });
});
