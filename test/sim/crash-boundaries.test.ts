// kill -9 at every boundary: before and after each append, effect and host call of an operation, on production code.
// After the next start every server must be where it was going, or in error with a reason, with nothing left over.
import { afterEach, describe, expect, it } from 'vitest';
import type { OperationName } from '#actors/instance/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { operations } from '#actors/instance/operations/all.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import { addressParameters, interfaceParameters } from '#test/support/operation-parameters.ts';
import { testFlavor } from '#test/support/servers.ts';
import { type Answer, SimulatedCloud } from '#test/support/simulated-cloud.ts';

const one = 'aaaaaaaa-0000-4000-8000-000000000001';

interface Scenario {
  readonly name: string;
  /** Brings the server to where the operation starts; not cut. */
  readonly before: readonly OperationName[];
  readonly operation: OperationName;
  readonly parameters?: OperationParameters | ((server: InstanceState) => OperationParameters);
  /** The server's host dies before, and comes back when all is over. */
  readonly dies?: true;
  /** Default 1. */
  readonly hosts?: number;
  readonly ends: string;
}

const newPort = 'bbbbbbbb-0000-4000-8000-000000000001';
const larger = { ...testFlavor, id: 'larger', vcpus: 2, ramMiB: 192, diskGiB: 2, swapMiB: 64 };

const scenarios: readonly Scenario[] = [
  { name: 'create', before: [], operation: 'create', ends: 'active' },
  { name: 'delete', before: [], operation: 'delete', ends: 'gone' },
  { name: 'delete of a stopped server', before: ['stop'], operation: 'delete', ends: 'gone' },
  { name: 'stop', before: [], operation: 'stop', ends: 'stopped' },
  { name: 'start', before: ['stop'], operation: 'start', ends: 'active' },
  { name: 'soft reboot', before: [], operation: 'reboot', ends: 'active' },
  { name: 'hard reboot', before: [], operation: 'reboot-hard', ends: 'active' },
  { name: 'pause', before: [], operation: 'pause', ends: 'paused' },
  { name: 'unpause', before: ['pause'], operation: 'unpause', ends: 'active' },
  { name: 'suspend', before: [], operation: 'suspend', ends: 'suspended' },
  { name: 'resume', before: ['suspend'], operation: 'resume', ends: 'active' },
  { name: 'evacuate', before: [], operation: 'evacuate', dies: true, hosts: 2, ends: 'active' },
  {
    name: 'evacuate of a stopped server',
    before: ['stop'],
    operation: 'evacuate',
    dies: true,
    hosts: 2,
    ends: 'stopped',
  },
  { name: 'migrate', before: [], operation: 'migrate', hosts: 2, ends: 'resized' },
  {
    name: 'migrate of a stopped server',
    before: ['stop'],
    operation: 'migrate',
    hosts: 2,
    ends: 'resized',
  },
  {
    name: 'delete of a migrated server',
    before: ['migrate'],
    operation: 'delete',
    hosts: 2,
    ends: 'gone',
  },
  { name: 'confirm', before: ['migrate'], operation: 'confirm-resize', hosts: 2, ends: 'active' },
  { name: 'revert', before: ['migrate'], operation: 'revert-resize', hosts: 2, ends: 'active' },
  {
    name: 'resize to another host',
    before: [],
    operation: 'resize',
    parameters: { flavor: larger },
    hosts: 2,
    ends: 'resized',
  },
  {
    name: 'resize on its host',
    before: [],
    operation: 'resize',
    parameters: { flavor: larger, sameHost: true },
    ends: 'resized',
  },
  {
    name: 'confirm on its host',
    before: ['resize'],
    operation: 'confirm-resize',
    ends: 'active',
  },
  { name: 'revert on its host', before: ['resize'], operation: 'revert-resize', ends: 'active' },
  { name: 'live migration', before: [], operation: 'live-migrate', hosts: 2, ends: 'active' },
  {
    name: 'live migration of a paused server',
    before: ['pause'],
    operation: 'live-migrate',
    hosts: 2,
    ends: 'paused',
  },
  { name: 'rebuild', before: [], operation: 'rebuild', ends: 'active' },
  { name: 'rebuild of a stopped server', before: ['stop'], operation: 'rebuild', ends: 'stopped' },
  { name: 'rescue', before: [], operation: 'rescue', ends: 'rescued' },
  { name: 'snapshot', before: [], operation: 'snapshot', ends: 'active' },
  {
    name: 'snapshot of a stopped server',
    before: ['stop'],
    operation: 'snapshot',
    ends: 'stopped',
  },
  { name: 'backup', before: [], operation: 'backup', ends: 'active' },
  { name: 'soft delete', before: [], operation: 'soft-delete', ends: 'soft-delete' },
  { name: 'restore', before: ['soft-delete'], operation: 'restore', ends: 'active' },
  { name: 'shelve', before: [], operation: 'shelve', ends: 'shelved' },
  { name: 'shelve of a stopped server', before: ['stop'], operation: 'shelve', ends: 'shelved' },
  { name: 'shelve of a suspended one', before: ['suspend'], operation: 'shelve', ends: 'shelved' },
  {
    name: 'offload',
    before: ['shelve'],
    operation: 'shelve-offload',
    ends: 'shelved_offloaded',
  },
  { name: 'unshelve', before: ['shelve'], operation: 'unshelve', ends: 'active' },
  {
    name: 'unshelve of an offloaded server',
    before: ['shelve', 'shelve-offload'],
    operation: 'unshelve-offloaded',
    hosts: 2,
    ends: 'active',
  },
  {
    name: 'delete of an offloaded server',
    before: ['shelve', 'shelve-offload'],
    operation: 'delete',
    ends: 'gone',
  },
  {
    name: 'attach of an interface',
    before: [],
    operation: 'attach-interface',
    parameters: ({ ports }) => interfaceParameters('attach-interface', newPort, ports),
    ends: 'active',
  },
  {
    name: 'attach of an interface to a stopped server',
    before: ['stop'],
    operation: 'attach-interface',
    parameters: ({ ports }) => interfaceParameters('attach-interface', newPort, ports),
    ends: 'stopped',
  },
  {
    name: 'detach of an interface',
    before: [],
    operation: 'detach-interface',
    parameters: ({ ports }) => interfaceParameters('detach-interface', newPort, ports),
    ends: 'active',
  },
  {
    name: 'one address more',
    before: [],
    operation: 'change-addresses',
    parameters: ({ ports }) => addressParameters(0, ports),
    ends: 'active',
  },
  {
    name: 'a password that no agent takes',
    before: [],
    operation: 'set-password',
    parameters: { password: { user: 'root', adminPass: 'secret' } },
    ends: 'active',
  },
  { name: 'unrescue', before: ['rescue'], operation: 'unrescue', ends: 'active' },
];

let cloud: SimulatedCloud;
afterEach(() => cloud.dispose());

/** Everything up to the operation, in a process of its own, which then dies at rest. */
async function prepared(scenario: Scenario): Promise<void> {
  cloud = new SimulatedCloud({ seed: 7, hosts: scenario.hosts ?? 1 });
  await cloud.boot();
  if (scenario.operation === 'create') return cloud.kill();
  await cloud.create(one);
  await cloud.rest();
  for (const operation of scenario.before) {
    const parameters = operation === 'resize' ? { flavor: larger, sameHost: true } : undefined;
    await cloud.operate(one, operation, parameters);
    await cloud.rest();
  }
  if (scenario.dies === true) await cloud.fence(hostOf());
  cloud.kill();
}

function told({ parameters }: Scenario): OperationParameters | undefined {
  const server = cloud.server(one);
  return typeof parameters === 'function' && server !== undefined
    ? parameters(server)
    : (parameters as OperationParameters | undefined);
}

/** Number of the server's host. */
function hostOf(): number {
  return Number(cloud.server(one)?.grant?.host.slice('host-'.length));
}

/** Starts a process that dies at a boundary while the operation runs; counts the boundaries if it does not die. */
async function cut(
  scenario: Scenario,
  dieAt: number | undefined,
): Promise<{ answer: Answer; passed: number; at: string }> {
  const running = await cloud.boot(dieAt);
  let answer: Answer = 'unknown';
  if (!running.isDead)
    answer =
      scenario.operation === 'create'
        ? await cloud.create(one)
        : await cloud.operate(one, scenario.operation, told(scenario));
  if (!running.isDead) await cloud.rest();
  const { passed, names } = running.boundaries;
  cloud.kill();
  return { answer, passed, at: names.at(-1) ?? 'nowhere' };
}

describe.each(scenarios)('kill -9 during $name', (scenario) => {
  it('at every boundary leaves the server at rest and nothing over', {
    timeout: 120_000,
  }, async () => {
    await prepared(scenario);
    const { passed } = await cut(scenario, undefined);
    expect(passed).toBeGreaterThan(4);
    cloud.dispose();
    for (let dieAt = 1; dieAt <= passed; dieAt += 1) {
      await prepared(scenario);
      const { answer, at } = await cut(scenario, dieAt);
      await cloud.boot();
      await cloud.quiet();
      if (scenario.dies === true) {
        for (const number of [1, 2]) await cloud.unfence(number);
        await cloud.quiet();
      }
      const ended = condition();
      const outcome = { dieAt, at, ended, violations: await cloud.violations() };
      const reached =
        answer === 'acknowledged' || ended === scenario.ends ? scenario.ends : startOf(scenario);
      expect(outcome).toEqual({ dieAt, at, ended: reached, violations: [] });
      cloud.dispose();
    }
  });
});

/** Where an operation that nobody was promised may as well have left the server: where it was before. */
function startOf(scenario: Scenario): string {
  if (scenario.operation === 'create') return 'gone';
  // Without power no guest runs.
  if (scenario.dies === true) return 'stopped';
  const last = scenario.before.at(-1);
  return last === undefined ? 'active' : operations[last].success.vmState;
}

function condition(): string {
  const server = cloud.server(one);
  return server?.existence === 'exists' ? server.vmState : 'gone';
}
