// The phases of a handover between real hosts of a lab, whose guests reach each other by nothing but the lab's wire: what a cut,
// a frozen host and a host without power leave, phase by phase. The caller here is the test; the guest is never seen to run on
// both hosts. Needs root.
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LibvirtDriver, openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import type { MigrationSettings } from '#hypervisor/migration-port.ts';
import type { GuestSpec, GuestState } from '#hypervisor/port.ts';
import { faultOf, GUEST_BANNER } from '#test/contract/hypervisor/scene.ts';
import { realEnv } from '#test/integration/libvirt/real-env.ts';
import { writeTinyGuest } from '#test/integration/libvirt/tiny-guest.ts';
import { tinyImage } from '#cli/prepare.ts';
import { until } from './launched-cloud.ts';
import { LaunchedLab } from './launched-lab.ts';

type Host = 'h1' | 'h2';

const SAMPLE_MS = 20;
const fast: MigrationSettings = { copiedDisks: [], autoConverge: true };
const slow: MigrationSettings = { ...fast, bandwidthMiBps: 1 };

let lab: LaunchedLab;
let addresses: Record<Host, string>;
const drivers = new Map<Host, LibvirtDriver>();
let spec: GuestSpec;
let watch: Watch;

/** Looks at both hosts all the time. */
class Watch {
  readonly seenTwice: string[] = [];
  looks = 0;
  #isOver = false;
  readonly #ended: Promise<void>;

  constructor(id: string) {
    this.#ended = this.#run(id);
  }

  async #run(id: string): Promise<void> {
    while (!this.#isOver) {
      const [one, other] = await Promise.all([look('h1', id), look('h2', id)]);
      this.looks += 1;
      if (one === 'running' && other === 'running') this.seenTwice.push(new Date().toISOString());
      await new Promise((done) => setTimeout(done, SAMPLE_MS));
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }
}

function driver(host: Host): LibvirtDriver {
  const found = drivers.get(host);
  if (found === undefined) throw new Error(`no driver of ${host}`);
  return found;
}

async function connect(host: Host): Promise<void> {
  await drivers.get(host)?.close();
  const opened = openLibvirtDriver({
    uri: lab.libvirtUri(host),
    env: realEnv(),
    virtType: 'qemu',
    keepalive: { intervalMs: 2_000, count: 2 },
  });
  drivers.set(host, opened);
  await opened.ready(20_000);
}

function wordOf(state: GuestState | undefined): string {
  if (state === undefined) return 'absent';
  return state.isInMigration === true ? 'stands still' : state.power;
}

/** A host that does not answer runs nothing that anybody would see. */
function look(host: Host, id: string): Promise<string> {
  return driver(host)
    .find(id)
    .then(wordOf, () => 'no answer');
}

async function states(): Promise<string> {
  return `${await look('h1', spec.id)}, ${await look('h2', spec.id)}`;
}

const there = (): GuestSpec => ({ ...spec, mark: { ...spec.mark, host: 'h2', runEpoch: 2 } });

async function prepare(settings: MigrationSettings) {
  const offer = await driver('h1').migrations.begin(there(), settings);
  const order = { offer, settings, address: addresses.h2 };
  const invitation = await driver('h2').migrations.prepare(there(), order);
  return { offer, invitation, settings };
}

async function copying(): Promise<{ readonly outcome: Promise<string> }> {
  const prepared = await prepare(slow);
  const outcome = faultOf(driver('h1').migrations.perform(there(), prepared));
  await until('memory to be on its way', async () => {
    const progress = await driver('h1').migrations.progress(spec.id);
    return progress !== undefined && progress.memoryProcessedBytes > 0 ? true : undefined;
  });
  return { outcome };
}

async function copied() {
  const prepared = await prepare(fast);
  const { cookie } = await driver('h1').migrations.perform(there(), prepared);
  return { cookie, isPaused: prepared.offer.isPaused, settings: fast };
}

async function abortWithin5s(outcome: Promise<string>): Promise<void> {
  const startedMs = performance.now();
  await driver('h1').migrations.abort(spec.id);
  expect(await outcome).toBe('aborted');
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  await driver('h1').migrations.cancelOutgoing(spec.id);
}

/** A boot sector is copied at once; a whole system has memory enough to be met under way. */
async function boot(what: 'sector' | 'system'): Promise<void> {
  const id = randomUUID();
  const format = what === 'sector' ? 'raw' : 'qcow2';
  const path = join(lab.directory, 'shared', `${id}.${format}`);
  if (what === 'sector') await writeTinyGuest(path);
  else copyFileSync(await tinyImage(() => undefined), path);
  spec = {
    id,
    name: `handed-${id.slice(0, 8)}`,
    title: 'handed over',
    vcpus: 1,
    memoryMiB: 96,
    disks: [
      {
        target: 'vda',
        device: 'disk',
        bus: 'virtio',
        format,
        path,
        readonly: false,
        bootOrder: 1,
      },
    ],
    interfaces: [],
    consoleLogPath: join(lab.directory, 'shared', `${id}.log`),
    // Of another cloud: the lab's own members leave it alone.
    mark: { cluster: 'handover-test', host: 'h1', runEpoch: 1 },
  };
  await driver('h1').create(spec);
  await until('the guest to have booted', async () =>
    new TextDecoder()
      .decode(await driver('h1').consoleOutput(spec, 65_536))
      .includes(what === 'sector' ? GUEST_BANNER : 'login')
      ? true
      : undefined,
  );
  watch = new Watch(id);
}

beforeAll(async () => {
  lab = new LaunchedLab();
  await lab.ask('up', '--hosts', '2', '--storage', 'shared');
  mkdirSync(join(lab.directory, 'shared'), { recursive: true });
  addresses = {
    h1: (await lab.status('h1')).address,
    h2: (await lab.status('h2')).address,
  };
  await connect('h1');
  await connect('h2');
});

afterEach(async () => {
  await watch?.end();
  await lab.ask('heal');
  for (const host of ['h1', 'h2'] as const) {
    if ((await lab.status(host)).state === 'frozen') await lab.ask('thaw', host);
    await lab.ask('start', host);
    await connect(host);
  }
  for (const host of ['h1', 'h2'] as const) await driver(host).destroy(spec.id);
  if (watch.seenTwice.length > 0)
    throw new Error(`the guest ran on both hosts at ${watch.seenTwice.join(', ')}`);
  if (watch.looks < 5) throw new Error(`only ${watch.looks} looks at the guest`);
});

afterAll(async () => {
  await Promise.all([...drivers.values()].map((one) => one.close()));
  await lab?.remove();
});

describe('between two hosts of a lab, a guest', () => {
  it('is handed over; nothing but memory goes between the hosts', async () => {
    await boot('sector');
    const done = await copied();
    await lab.ask('cut', 'h1', 'h2');
    expect(await states()).toBe('stands still, stands still');
    const startedMs = performance.now();
    await driver('h2').migrations.finish(there(), done);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await driver('h1').migrations.confirm(spec.id);
    expect(await states()).toBe('absent, running');
  });

  it('runs on when the wire is cut while it is copied, once that is given up', async () => {
    await boot('system');
    const { outcome } = await copying();
    await lab.ask('cut', 'h1', 'h2');
    await abortWithin5s(outcome);
    expect(await look('h1', spec.id)).toBe('running');
    await lab.ask('heal');
    await driver('h2').migrations.cancelIncoming(spec.id);
    expect(await states()).toBe('running, absent');
  });

  it('runs on when the other host stands still while it is copied', async () => {
    await boot('system');
    const { outcome } = await copying();
    await lab.ask('freeze', 'h2');
    await abortWithin5s(outcome);
    expect(await look('h1', spec.id)).toBe('running');
    await lab.ask('thaw', 'h2');
    await driver('h2').ready(20_000);
    await driver('h2').migrations.cancelIncoming(spec.id);
    expect(await states()).toBe('running, absent');
  });

  it('runs on when the other host loses its power while it is copied', async () => {
    await boot('system');
    const { outcome } = await copying();
    await lab.ask('kill', 'h2', 'machine');
    // The source may have noticed by itself; then there is nothing to abort any more.
    const aborted = await faultOf(driver('h1').migrations.abort(spec.id));
    expect(['no fault', 'wrong-state']).toContain(aborted);
    expect(['aborted', 'failed']).toContain(await outcome);
    await driver('h1').migrations.cancelOutgoing(spec.id);
    await lab.ask('start', 'h2');
    await connect('h2');
    expect(await states()).toBe('running, absent');
  });

  it('goes on there when its old host loses its power after all was copied', async () => {
    await boot('sector');
    const done = await copied();
    await lab.ask('kill', 'h1', 'machine');
    await driver('h2').migrations.finish(there(), done);
    expect(await look('h2', spec.id)).toBe('running');
    await lab.ask('start', 'h1');
    await connect('h1');
    await driver('h1').migrations.confirm(spec.id);
    expect(await states()).toBe('absent, running');
  });

  it('goes on here when the other host loses its power after all was copied', async () => {
    await boot('sector');
    await copied();
    await lab.ask('kill', 'h2', 'machine');
    expect(await look('h1', spec.id)).toBe('stands still');
    await lab.ask('start', 'h2');
    await connect('h2');
    expect(await states()).toBe('stands still, absent');
    const mark = { ...spec.mark, runEpoch: 3 };
    await driver('h1').migrations.cancelOutgoing(spec.id, mark);
    expect(await driver('h1').find(spec.id)).toMatchObject({ power: 'running', mark });
  });
});
