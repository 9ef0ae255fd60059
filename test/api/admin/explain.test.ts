import { expect, it } from 'vitest';
import type { Funnel } from '#actors/scheduler/funnel.ts';
import { explainPlugin } from '#api/admin/explain-plugin.ts';
import { buildServer } from '#api/server.ts';
import { inWords } from '#cli/explain.ts';
import { serverCloud } from '../compute/server-cloud.ts';

const funnel: Funnel = {
  hosts: 3,
  stages: [
    {
      filter: 'ComputeFilter',
      before: 3,
      after: 2,
      refused: [{ host: 'h3', reason: 'it does not answer' }],
    },
    { filter: 'RamFilter', before: 2, after: 2, refused: [] },
  ],
  ranking: [
    {
      host: 'h1',
      weight: 1,
      parts: [{ weigher: 'RAMWeigher', figure: 2048, share: 1, multiplier: 1 }],
    },
    {
      host: 'h2',
      weight: 0.5,
      parts: [{ weigher: 'RAMWeigher', figure: 1024, share: 0.5, multiplier: 1 }],
    },
  ],
};

async function service() {
  const cloud = await serverCloud();
  const asked: unknown[] = [];
  const scheduler = {
    explain: async (spec: unknown) => {
      asked.push(spec);
      return funnel;
    },
  };
  const plugin = explainPlugin({ ...cloud.context, scheduler });
  const app = buildServer(cloud.context, [{ prefix: '/admin', plugin }]);
  const explain = async (id: string, as?: string) => {
    const headers = as === undefined ? {} : { 'x-auth-token': as };
    const reply = await app.inject({ url: `/admin/servers/${id}/explain`, headers });
    return { status: reply.statusCode, body: reply.json<unknown>() };
  };
  return { cloud, explain, asked };
}

it('shows administrators the funnel, as if the server held nothing yet', async () => {
  const { cloud, explain, asked } = await service();
  const id = await cloud.bootActive();
  const { status, body } = await explain(id.toUpperCase(), 'admin');
  expect(status).toBe(200);
  expect(body).toMatchObject({ serverId: id, name: 'vm', vmState: 'active', funnel });
  expect(asked).toMatchObject([{ serverId: id, hints: {}, excludedHosts: [] }]);
});

it('is for administrators, and of servers that there are', async () => {
  const { cloud, explain } = await service();
  const id = await cloud.boot();
  expect(await explain(id)).toMatchObject({ status: 401 });
  expect(await explain(id, 'anna')).toMatchObject({ status: 403, body: { error: { code: 403 } } });
  expect(await explain('none', 'admin')).toEqual({
    status: 404,
    body: { error: { code: 404, message: 'Instance none could not be found.' } },
  });
});

it('is told in words: where it is, what failed, each filter, the weights of the rest', () => {
  const server = { serverId: 'id-1', name: 'vm', vmState: 'error', host: undefined };
  const fault = { message: 'No valid host was found.', details: '' };
  expect(inWords({ ...server, fault, funnel })).toBe(
    [
      'vm (id-1) is error, on no host.',
      'Its fault: No valid host was found.',
      '',
      'If it were placed now, of 3 hosts:',
      '',
      'FILTER         CAME  STAYED  WHY THE OTHERS LEFT',
      'ComputeFilter  3     2       h3: it does not answer',
      'RamFilter      2     2',
      '',
      'HOST  WEIGHT  OF',
      'h1    1.000   RAMWeigher 2048 → 1 × 1.000',
      'h2    0.500   RAMWeigher 1024 → 1 × 0.500',
    ].join('\n'),
  );
  expect(
    inWords({
      ...server,
      host: 'h1',
      fault: undefined,
      funnel: { hosts: 0, stages: [], ranking: [] },
    }),
  ).toContain('on h1.\n\nIf it were placed now, of 0 hosts');
});
