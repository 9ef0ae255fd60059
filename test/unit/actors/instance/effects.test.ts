// The instance's effects against a cluster that answers as the test says.
import { beforeEach, describe, expect, it } from 'vitest';
import { instanceEffects, type InstanceServices } from '#actors/instance/effects.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { InstanceEffect } from '#actors/instance/todo.ts';
import { todo } from '#actors/instance/todo.ts';
import { NodeFault, type NodeOrder } from '#actors/node/protocol.ts';
import type { BoundPort } from '#actors/ports/networks.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { InstanceDriver, instanceIn, serverId } from './instance-driver.ts';

const port: BoundPort = {
  portId: 'port-1',
  networkId: 'net-1',
  networkName: 'private',
  mac: 'fa:16:3e:00:00:01',
  mtu: 1500,
  bridge: 'br',
  fixedIps: [
    {
      subnetId: 'sub-1',
      address: '10.0.0.5',
      version: 4,
      cidr: '10.0.0.0/24',
      gateway: undefined,
      dnsServers: ['9.9.9.9'],
    },
  ],
  ownedByServer: true,
  tag: undefined,
};
const chosen = {
  host: 'host-1',
  node: 'node-1',
  providerId: 'rp-1',
  availabilityZone: 'nova',
  weight: 1,
};

let calls: string[];
let orders: NodeOrder[];
let state: InstanceState | undefined;
let answers: {
  place: () => Promise<unknown>;
  allocate: () => Promise<unknown>;
  perform: () => Promise<unknown>;
};
let run: ReturnType<typeof instanceEffects>;

beforeEach(() => {
  calls = [];
  orders = [];
  answers = {
    place: async () => chosen,
    allocate: async () => [port],
    perform: async () => ({ power: 'running', stopped: false }),
  };
  const services = {
    log: silentLog,
    router: {
      ask: async (ref: { kind: string; id: string }, command: { type: string }) => {
        calls.push(`${command.type} ${ref.kind}/${ref.id}`);
        return {};
      },
    },
    states: { get: () => state },
    placement: {
      place: ({
        claimId,
        excludedHosts,
      }: {
        claimId: string;
        excludedHosts: readonly string[];
      }) => {
        calls.push(`place ${claimId} not ${excludedHosts.join()}`);
        return answers.place();
      },
      release: async (id: string, claimId: string | undefined) => {
        calls.push(`release ${id} ${claimId ?? 'all'}`);
      },
    },
    networks: {
      allocate: () => answers.allocate(),
      bind: async (id: string, host: string) => void calls.push(`bind ${id} ${host}`),
      release: async (id: string) => void calls.push(`free ${id}`),
    },
    nodes: {
      perform: (host: string, order: NodeOrder) => {
        calls.push(`${order.type} ${host}`);
        orders.push(order);
        return answers.perform();
      },
    },
  };
  run = instanceEffects(services as unknown as InstanceServices);
});

const context = (signal = new AbortController().signal) => ({
  entityId: serverId,
  signal,
  attempt: 1,
  ownerEpoch: 1,
  isOurs: () => true,
});

/** The work that the driver's state wants, done against the services. */
async function perform(driver: InstanceDriver, signal?: AbortSignal) {
  state = driver.state;
  return run(driver.effect()!, context(signal));
}

const about = (driver: InstanceDriver) => {
  const { operationId, step, attempt } = driver.effect()!;
  return { operationId, step, attempt };
};

describe('the placement', () => {
  it('reports host and ports in the journal’s words', async () => {
    const driver = new InstanceDriver().create();
    const { tag: _tag, ...bound } = port;
    const [{ gateway: _gateway, ...address }] = bound.fixedIps as [(typeof port.fixedIps)[0]];
    expect(await perform(driver)).toEqual({
      type: 'instance.step-done',
      ...about(driver),
      result: {
        host: 'host-1',
        node: 'node-1',
        providerId: 'rp-1',
        availabilityZone: 'nova',
        ports: [{ ...bound, fixedIps: [address] }],
      },
    });
    expect(calls).toEqual(['place op-1/1 not ']);
  });

  it('that finds no host names each host with its reason', async () => {
    const driver = new InstanceDriver().create().succeed('host-1').fail(true).succeed().succeed();
    answers.place = async () =>
      refuse('no-valid-host', {
        refusals: [
          { host: 'host-1', filter: 'retry', reason: 'was tried' },
          { host: 'host-2', filter: 'ram', reason: '5 MiB free' },
        ],
      });
    const report = await perform(driver);
    expect(report).toMatchObject({
      type: 'instance.step-failed',
      retryable: false,
      fault: { code: 500, details: 'host-1: retry: it broke\nhost-2: ram: 5 MiB free' },
    });
    expect(calls).toEqual(['place op-1/2 not host-1']);
  });

  it('whose ports are refused is the user’s to mend', async () => {
    answers.allocate = async () => refuse('no-addresses', { networkId: 'net-1' });
    expect(await perform(new InstanceDriver().create())).toMatchObject({
      type: 'instance.step-failed',
      retryable: false,
      fault: {
        code: 400,
        message: expect.stringContaining('network net-1 has no free address') as string,
      },
    });
  });

  it.each(['place', 'allocate'] as const)('whose %s meets trouble is tried again', async (part) => {
    answers[part] = async () => Promise.reject(new Error('away'));
    await expect(perform(new InstanceDriver().create())).rejects.toThrow('away');
  });

  it('that is wanted no more is given back', async () => {
    const abort = new AbortController();
    answers.place = async () => {
      abort.abort();
      return chosen;
    };
    expect(await perform(new InstanceDriver().create(), abort.signal)).toBeUndefined();
    expect(calls.slice(1)).toEqual([`release ${serverId} op-1/1`, `free ${serverId}`]);
  });

  it('that is on record is kept, though its effect is wanted no more', async () => {
    const driver = new InstanceDriver().create();
    const abort = new AbortController();
    answers.place = async () => {
      state = driver.succeed().state;
      abort.abort();
      return chosen;
    };
    expect(await perform(driver, abort.signal)).toBeUndefined();
    expect(calls).toHaveLength(1);
  });

  it('that was overtaken by another try gives its own claim back and leaves the ports', async () => {
    const driver = new InstanceDriver().create();
    const abort = new AbortController();
    answers.place = async () => {
      state = driver.succeed().fail(true).succeed().succeed().state;
      abort.abort();
      return chosen;
    };
    expect(await perform(driver, abort.signal)).toBeUndefined();
    expect(calls.slice(1)).toEqual([`release ${serverId} op-1/1`]);
  });

  it('is undone by giving back its claim and the ports', async () => {
    const driver = new InstanceDriver().create().fail();
    expect(await perform(driver)).toEqual({ type: 'instance.step-undone', ...about(driver) });
    expect(calls).toEqual([`release ${serverId} op-1/1`, `free ${serverId}`]);
  });
});

describe('an order to the host', () => {
  const kinds = [
    { from: 'stopped', operation: 'start', order: { type: 'node.start' } },
    { from: 'active', operation: 'stop', order: { type: 'node.stop', graceMs: 60_000 } },
    {
      from: 'active',
      operation: 'reboot',
      order: { type: 'node.reboot', hard: false, graceMs: 60_000 },
    },
    {
      from: 'active',
      operation: 'reboot-hard',
      order: { type: 'node.reboot', hard: true, graceMs: 0 },
    },
    { from: 'active', operation: 'pause', order: { type: 'node.pause' } },
    { from: 'paused', operation: 'unpause', order: { type: 'node.unpause' } },
    { from: 'active', operation: 'suspend', order: { type: 'node.suspend' } },
    { from: 'suspended', operation: 'resume', order: { type: 'node.resume' } },
    { from: 'active', operation: 'delete', order: { type: 'node.destroy' } },
  ] as const;

  it.each(kinds)(
    'to $operation names the grant and the work',
    async ({ from, operation, order }) => {
      const driver = instanceIn(from);
      driver.operate(operation);
      const effect = driver.effect()!;
      expect(await perform(driver)).toEqual({
        type: 'instance.step-done',
        ...about(driver),
        result: { host: 'host-1', power: 'running' },
      });
      expect(calls).toEqual([`${order.type} host-1`]);
      expect(orders[0]).toMatchObject({
        ...order,
        orderId: effect.id,
        serverId,
        runEpoch: 1,
        requestId: effect.requestId,
      });
    },
  );

  it('to build carries the whole plan, and binds the ports', async () => {
    const driver = new InstanceDriver().create().succeed();
    await perform(driver);
    expect(calls.toSorted((a, b) => a.localeCompare(b))).toEqual([
      `bind ${serverId} host-1`,
      'node.build host-1',
    ]);
    const { name, hostname, flavor, image, projectId, userId } = driver.state.request!;
    expect(orders[0]).toMatchObject({
      type: 'node.build',
      plan: {
        serverId,
        projectId,
        userId,
        name,
        hostname,
        flavor,
        image,
        ports: [],
        configDrive: false,
        availabilityZone: 'nova',
      },
    });
  });

  it('to destroy is done when no host has the guest', async () => {
    const driver = new InstanceDriver().create().fail().rest();
    driver.operate('delete');
    expect(await perform(driver)).toMatchObject({ type: 'instance.step-done', result: {} });
    expect(calls).toEqual([]);
  });

  it('of any other kind needs a host', async () => {
    const driver = instanceIn('active');
    driver.operate('stop');
    state = { ...driver.state, grant: undefined };
    expect(await run(driver.effect()!, context())).toMatchObject({
      type: 'instance.step-failed',
      fault: { message: 'The server has no host.' },
    });
  });

  it('to a host that can not be reached is tried again until the deadline', async () => {
    const away = new NodeFault('host-unreachable', 'away', { retryable: true });
    answers.perform = async () => Promise.reject(away);
    await expect(perform(new InstanceDriver().create().succeed())).rejects.toBe(away);
  });

  it.each([
    ['no-space', true, 500],
    ['image-refused', false, 400],
    ['stale-grant', false, 500],
    ['hypervisor', true, 500],
  ] as const)('that ends with %s is told with the host', async (code, retryable, status) => {
    const cause = new Error('the disk says no');
    answers.perform = async () =>
      Promise.reject(new NodeFault(code, 'It failed.', { retryable, cause }));
    expect(await perform(new InstanceDriver().create().succeed())).toMatchObject({
      type: 'instance.step-failed',
      retryable,
      fault: {
        code: status,
        message: 'It failed.',
        details: `On host host-1: ${code}: the disk says no`,
      },
    });
  });

  it('that meets a bug is tried again, not taken for an answer', async () => {
    answers.perform = async () => Promise.reject(new TypeError('a bug'));
    await expect(perform(new InstanceDriver().create().succeed())).rejects.toThrow('a bug');
  });
});

describe('the end of a server', () => {
  it('gives claims, ports and quota back', async () => {
    const driver = instanceIn('active');
    driver.operate('delete');
    driver.succeed();
    expect(await perform(driver)).toMatchObject({ type: 'instance.step-done', result: {} });
    expect(calls).toEqual([
      `release ${serverId} all`,
      `free ${serverId}`,
      'project.release project/project-1',
    ]);
  });
});

describe('a deadline', () => {
  const deadlineOf = (driver: InstanceDriver): InstanceEffect =>
    todo(driver.state).find(({ kind }) => kind === 'deadline')!;

  it('fails its step and lets another host try', async () => {
    const driver = new InstanceDriver().create().succeed();
    state = driver.state;
    expect(await run(deadlineOf(driver), context())).toEqual({
      type: 'instance.step-failed',
      ...about(driver),
      fault: { code: 500, message: 'The step build was not done within 300 s.', details: '' },
      retryable: true,
    });
  });

  it('of an undo says what could not be taken back', async () => {
    const driver = new InstanceDriver().create().succeed().fail();
    state = driver.state;
    expect(await run(deadlineOf(driver), context())).toMatchObject({
      fault: { message: 'Taking back build was not done within 60 s.' },
    });
  });
});

it('an effect of an instance that is not there does nothing', async () => {
  const effect = new InstanceDriver().create().effect()!;
  state = undefined;
  expect(await run(effect, context())).toBeUndefined();
  expect(calls).toEqual([]);
});
