// A server that is resized counts for what it becomes; growing must fit the quota, shrinking always does.
import { expect, it } from 'vitest';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { makeProjectDefinition } from '#actors/project/entity.ts';
import { runEntity } from '../run-entity.ts';

function project() {
  const run = runEntity(makeProjectDefinition({ ...defaultQuotaLimits, cores: 4 }), 'p');
  const servers = [{ serverId: 's', usage: { cores: 2, ramMiB: 64 } }];
  run.send({ type: 'project.reserve', servers, userId: 'u' });
  return run;
}
const resize = (cores: number, checkOnly = false) =>
  ({ type: 'project.resize', serverId: 's', usage: { cores, ramMiB: 128 }, checkOnly }) as const;

it('what it becomes is what counts, for the project and its user', () => {
  const run = project();
  run.send(resize(4));
  expect(run.state.used).toEqual({ instances: 1, cores: 4, ram: 128 });
  expect(run.state.users['u']?.used).toEqual({ instances: 1, cores: 4, ram: 128 });
  run.send(resize(1));
  expect(run.state.used.cores).toBe(1);
});

it('more than the quota is refused, and a look changes nothing', () => {
  const run = project();
  expect(run.send(resize(5))).toMatchObject({ refused: 'quota-exceeded' });
  run.send(resize(4, true));
  expect(run.state.used.cores).toBe(2);
});

it('of a server that it does not hold, a project knows nothing', () => {
  const run = project();
  run.send({ ...resize(4), serverId: 'other' });
  expect(run.state.used).toEqual({ instances: 1, cores: 2, ram: 64 });
});
