import { beforeEach, expect, it } from 'vitest';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { instances } from '#actors/instance/protocol.ts';
import { projectEffects } from '#actors/project/effects.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { projects } from '#actors/project/protocol.ts';
import type { Router } from '#runtime/directory/router.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { serverRequest } from '#test/support/servers.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

const asked = { requestId: 'req-1' };
const context = {
  entityId: 'p',
  signal: new AbortController().signal,
  attempt: 1,
  ownerEpoch: 1,
  isOurs: () => true,
};
let env: VirtualEnv;
let cluster: PureCluster;

beforeEach(() => {
  env = createVirtualEnv({ seed: 1 });
  cluster = pureCluster([projectDefinition, instanceDefinition], () => env.clock.now());
});

const reserve = (serverId: string) =>
  cluster.router.ask(
    projects.ref('p'),
    { type: 'project.reserve', servers: [{ serverId, usage: { cores: 1, ramMiB: 64 } }] },
    asked,
  );
const settle = (router: Router = cluster.router) =>
  projectEffects({ env, router, states: cluster.view(projectDefinition) })(
    { id: 'settle/0' },
    context,
  );

it('finds which reservations became servers, and ends the others for good', async () => {
  for (const id of ['there', 'missing', 'deleted']) await reserve(id);
  for (const id of ['there', 'deleted'])
    await cluster.router.ask(
      instances.ref(id),
      { type: 'instance.create', request: serverRequest(), operationId: `op-${id}` },
      asked,
    );
  await cluster.router.ask(instances.ref('abandoned'), { type: 'instance.abandon' }, asked);
  await env.advance(30_000);
  const report = await settle();
  expect({ ...report, existing: new Set(report?.existing) }).toEqual({
    type: 'project.settle',
    existing: new Set(['there', 'deleted']),
    missing: ['missing'],
  });
  const late = { type: 'instance.create', request: serverRequest(), operationId: 'op' } as const;
  expect(await cluster.router.ask(instances.ref('missing'), late, asked)).toMatchObject({
    refused: 'instance-not-found',
  });
});

it('leaves a reservation alone whose create may be on its way', async () => {
  await reserve('old');
  await env.advance(15_000);
  await reserve('young');
  await env.advance(10_000);
  expect(await settle()).toEqual({ type: 'project.settle', existing: [], missing: ['old'] });
  expect(cluster.view(instanceDefinition).get('young')).toBeUndefined();
});

it('is tried again when an instance can not be asked', async () => {
  await reserve('old');
  await env.advance(30_000);
  const away = { ask: async () => Promise.reject(new Error('away')) } as Router;
  await expect(settle(away)).rejects.toThrow('away');
});

it('of a project that is not there does nothing', async () => {
  expect(await settle()).toBeUndefined();
});
