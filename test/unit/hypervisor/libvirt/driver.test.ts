// What the driver makes of libvirt's answers, bad ones included. How libvirt really answers is the contract's matter.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import type { LibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import { renderMark } from '#hypervisor/libvirt/domain-xml/mark.ts';
import { eventMessages, procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import { uuidBytes, uuidText } from '#hypervisor/libvirt/rpc/structures.ts';
import { encodeXdr } from '#hypervisor/libvirt/rpc/xdr.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { GuestEvent, GuestSpec } from '#hypervisor/port.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { virtualEnv } from './virtual-env.ts';
import type { VirtualEnv } from './virtual-env.ts';

const A = '11111111-2222-4333-8444-55555555550a';
const B = '11111111-2222-4333-8444-55555555550b';
const MARK = { cluster: 'c', host: 'h', runEpoch: 4 };
const GET_METADATA = 265;

const SPEC: GuestSpec = {
  id: A,
  name: 'instance-a',
  title: '',
  vcpus: 1,
  memoryMiB: 32,
  disks: [],
  interfaces: [],
  consoleLogPath: '/nonexistent/console.log',
  mark: MARK,
};

const dom = (id: string, domainId: number, name = 'a') => ({
  name,
  uuid: uuidBytes(id),
  id: domainId,
});

const stateParam = (state: number) => ({
  field: 'state.state',
  value: { type: 'int' as const, value: state },
});

let daemon: FakeDaemon;
let env: VirtualEnv;
let driver: LibvirtDriver;
let events: GuestEvent[];

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  env = virtualEnv();
  events = [];
  daemon.answer(procedures.connectGetCapabilities, () => ({
    capabilities: '<capabilities><host><cpu><arch>x86_64</arch></cpu></host></capabilities>',
  }));
  driver = openLibvirtDriver({
    uri: `qemu+unix:///system?socket=${daemon.path}`,
    env,
    virtType: 'qemu',
  });
  driver.subscribe((event) => events.push(event));
  await driver.ready(1_000);
  events = [];
});

afterEach(async () => {
  await driver.close();
  await daemon.close();
});

function answerList(...records: [id: string, domainId: number, state: number][]): void {
  daemon.answer(procedures.connectGetAllDomainStats, () => ({
    records: records.map(([id, domainId, state]) => ({
      dom: dom(id, domainId),
      params: [stateParam(state)],
    })),
  }));
}

function metadataCalls(): number {
  return daemon.calls.filter((call) => call === GET_METADATA).length;
}

async function faultOf(call: Promise<unknown>): Promise<HypervisorFault> {
  return call.then(
    () => expect.unreachable('a fault was expected'),
    (error: unknown) => {
      if (error instanceof HypervisorFault) return error;
      throw error;
    },
  );
}

describe('listing', () => {
  test('one call lists all; a mark is read once for each run of a domain', async () => {
    daemon.answer(procedures.domainGetMetadata, () => ({ metadata: renderMark(MARK) }));
    answerList([A, 1, 1], [B, 2, 3]);
    const wanted = [
      { id: A, name: 'a', power: 'running', mark: MARK },
      { id: B, name: 'a', power: 'paused', mark: MARK },
    ];
    expect(await driver.list()).toEqual(wanted);
    expect(await driver.list()).toEqual(wanted);
    expect(metadataCalls()).toBe(2);
    answerList([A, 3, 1], [B, 2, 3]);
    expect(await driver.list()).toEqual(wanted);
    expect(metadataCalls()).toBe(3);
  });

  test('a domain without our metadata, and one that does not run, is foreign', async () => {
    daemon.handle(procedures.domainGetMetadata, () => ({ error: 80 }));
    answerList([A, 1, 1], [B, -1, 5]);
    expect(await driver.list()).toEqual([
      { id: A, name: 'a', power: 'running', mark: undefined },
      { id: B, name: 'a', power: 'shutdown', mark: undefined },
    ]);
    expect(metadataCalls()).toBe(1);
  });

  test('a domain that goes away while it is listed is left out', async () => {
    daemon.handle(procedures.domainGetMetadata, () => ({ error: 42 }));
    answerList([A, 1, 1]);
    expect(await driver.list()).toEqual([]);
  });

  test('a mark that cannot be fetched is a fault, not a foreign domain', async () => {
    daemon.handle(procedures.domainGetMetadata, () => ({ error: 38, message: 'broken' }));
    answerList([A, 1, 1]);
    expect((await faultOf(driver.list())).code).toBe('failed');
  });

  test('marks are read anew after the connection was lost', async () => {
    daemon.answer(procedures.domainGetMetadata, () => ({ metadata: renderMark(MARK) }));
    answerList([A, 1, 1]);
    await driver.list();
    await daemon.die();
    await daemon.listen();
    while (!events.some((event) => event.type === 'connection.up')) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (events.some((event) => event.type === 'connection.down')) env.advance(1_000);
    }
    daemon.answer(procedures.domainGetMetadata, () => ({
      metadata: renderMark({ ...MARK, runEpoch: 9 }),
    }));
    expect(await driver.list()).toEqual([
      { id: A, name: 'a', power: 'running', mark: { ...MARK, runEpoch: 9 } },
    ]);
  });
});

describe('starting', () => {
  test('a created guest is told with its mark without asking for it', async () => {
    daemon.answer(procedures.domainCreateXml, () => ({ dom: dom(A, 7, 'instance-a') }));
    expect(await driver.create(SPEC)).toEqual({
      id: A,
      name: 'instance-a',
      power: 'running',
      mark: MARK,
    });
    answerList([A, 7, 1]);
    expect((await driver.list()).map((guest) => guest.mark)).toEqual([MARK]);
    expect(metadataCalls()).toBe(0);
  });

  test.each([9, 55])('error %i is guest-exists only when a domain is in the way', async (error) => {
    daemon.handle(procedures.domainCreateXml, () => ({ error, message: 'in the way' }));
    daemon.handle(procedures.domainLookupByUuid, () => ({ error: 42 }));
    daemon.handle(procedures.domainGetState, () => ({ error: 42 }));
    daemon.handle(procedures.domainLookupByName, () => ({ error: 42 }));
    expect((await faultOf(driver.create(SPEC))).code).toBe(error === 9 ? 'failed' : 'wrong-state');
    daemon.answer(procedures.domainLookupByName, () => ({ dom: dom(B, 3) }));
    const fault = await faultOf(driver.create(SPEC));
    expect([fault.code, fault.message]).toEqual([
      'guest-exists',
      `libvirt domainCreateXml: in the way (code ${error}, domain 10)`,
    ]);
  });

  test('the outcome of a create whose connection broke is unknown, and says so', async () => {
    daemon.handle(procedures.domainCreateXml, (_payload, wire) => {
      wire.socket.destroy();
      return 'silence';
    });
    const fault = await faultOf(driver.create(SPEC));
    expect([fault.code, fault.retryable]).toEqual(['connection-lost', true]);
  });
});

describe('acting', () => {
  test('an id that is no UUID is a guest that is not there', async () => {
    expect(await driver.find('nonsense')).toBeUndefined();
    expect(await driver.destroy('nonsense')).toBeUndefined();
    expect((await faultOf(driver.pause('nonsense'))).code).toBe('guest-not-found');
    expect(daemon.calls.includes(24)).toBe(false);
  });

  test('calls name the domain by its uuid', async () => {
    const named: string[] = [];
    daemon.answer(procedures.domainSuspend, (args) => void named.push(uuidText(args.dom.uuid)));
    await driver.pause(A);
    expect(named).toEqual([A]);
  });

  test('resuming a running guest is no fault, resuming one that is shut down is', async () => {
    daemon.handle(procedures.domainResume, () => ({ error: 55, message: 'already running' }));
    daemon.answer(procedures.domainLookupByUuid, () => ({ dom: dom(A, -1) }));
    daemon.answer(procedures.domainGetState, () => ({ state: 1, reason: 0 }));
    expect(await driver.resume(A)).toBeUndefined();
    daemon.answer(procedures.domainGetState, () => ({ state: 5, reason: 0 }));
    expect((await faultOf(driver.resume(A))).code).toBe('wrong-state');
  });

  test('a full disk is told apart from other system errors', async () => {
    daemon.handle(procedures.domainSaveFlags, () => ({ error: 38, int1: 28, message: 'no' }));
    expect((await faultOf(driver.save(A, '/x'))).code).toBe('no-space');
    const helper = 'libvirt_iohelper: Unable to write /x: No space left on device';
    daemon.handle(procedures.domainSaveFlags, () => ({ error: 9, message: helper }));
    expect((await faultOf(driver.save(A, '/x'))).code).toBe('no-space');
    daemon.handle(procedures.domainSaveFlags, () => ({ error: 38, int1: 2, message: 'no' }));
    expect((await faultOf(driver.save(A, '/x'))).code).toBe('failed');
  });
});

describe('events', () => {
  async function send(payload: Uint8Array): Promise<void> {
    daemon.connections[0]?.send({ type: 2, procedure: 318, payload });
    daemon.answer(procedures.domainSuspend, () => undefined);
    // Its barrier comes after what was sent.
    await driver.pause(A);
  }

  const started = encodeXdr(eventMessages.domainLifecycle.body, {
    callbackId: 7,
    dom: dom(A, 3),
    event: 2,
    detail: 0,
  });

  test('reach every listener, also after one that throws', async () => {
    const heard: string[] = [];
    const stop = driver.subscribe(() => {
      throw new Error('a bug');
    });
    driver.subscribe((event) => heard.push(event.type));
    await send(started);
    expect(heard).toEqual(['guest.started']);
    expect(env.warnings).toEqual(['a listener of guest events failed']);
    stop();
  });

  test('that are malformed are logged and dropped', async () => {
    await send(Uint8Array.of(1, 2, 3));
    expect(events).toEqual([]);
    expect(env.warnings).toEqual(['libvirt sent a malformed event']);
  });
});

describe('connecting', () => {
  test('the first connection is told as up', async () => {
    const other = openLibvirtDriver({
      uri: `qemu+unix:///system?socket=${daemon.path}`,
      env,
      virtType: 'qemu',
    });
    other.subscribe((event) => events.push(event));
    await other.ready(1_000);
    expect(events).toEqual([{ type: 'connection.up' }]);
    await other.close();
  });

  test('a URI that cannot be used is refused at once', () => {
    expect(() => openLibvirtDriver({ uri: 'lxc:///', env, virtType: 'qemu' })).toThrow(
      HypervisorFault,
    );
  });

  test('ready tells after its time why there is no connection', async () => {
    const other = openLibvirtDriver({
      uri: 'qemu+unix:///system?socket=/nonexistent/sock',
      env,
      virtType: 'qemu',
    });
    const waiting = faultOf(other.ready(300));
    while (!env.pendingDelays().includes(100)) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    env.advance(100);
    env.advance(200);
    expect((await waiting).message).toBe('/nonexistent/sock: connect ENOENT /nonexistent/sock');
    const second = faultOf(other.ready(1_000));
    await other.close();
    expect((await second).message).toBe('the driver was closed');
  });
});
