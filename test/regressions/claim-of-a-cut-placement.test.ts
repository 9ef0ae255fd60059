// A placement that a kill cut short, between its claim and the record of it, was made anew after the start, on another
// host, and the first host's claim was left over until the next audit.
import { afterEach, expect, it } from 'vitest';
import { SimulatedCloud } from '#test/support/simulated-cloud.ts';

const server = 'aaaaaaaa-0000-4000-8000-000000000001';

let cloud: SimulatedCloud;
afterEach(() => cloud.dispose());

it('a create that is killed anywhere holds one claim after the start, with two hosts to choose from', async () => {
  for (let dieAt = 1, isDead = true; isDead; dieAt += 1) {
    cloud = new SimulatedCloud({ seed: 7, hosts: 2 });
    await cloud.boot();
    cloud.kill();
    const running = await cloud.boot(dieAt);
    if (!running.isDead) await cloud.create(server);
    if (!running.isDead) await cloud.rest();
    ({ isDead } = running);
    const at = running.boundaries.names.at(-1);
    cloud.kill();
    await cloud.boot();
    await cloud.rest();
    const claims = (await cloud.violations()).filter((one) => one.startsWith('claims'));
    expect({ at, claims }).toEqual({ at, claims: [] });
    cloud.dispose();
  }
});
