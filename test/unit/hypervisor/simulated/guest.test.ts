import { describe, expect, test } from 'vitest';
import { consoleText, writeConsole } from '#hypervisor/simulated/console-text.ts';
import {
  createGuest,
  failedSave,
  pauseGuest,
  rebootGuest,
  restoreGuest,
  resumeGuest,
  saveGuest,
  stopGuest,
  toGuestState,
} from '#hypervisor/simulated/guest.ts';
import type { GuestStep } from '#hypervisor/simulated/guest.ts';
import type { GuestSpec } from '#hypervisor/port.ts';

const spec: GuestSpec = {
  id: 'g1',
  name: 'instance-1',
  title: 'one',
  vcpus: 2,
  memoryMiB: 64,
  disks: [],
  interfaces: [{ mac: 'fa:16:3e:00:00:01', bridge: 'br0', tap: 'tap0', model: 'virtio' }],
  consoleLogPath: '/log',
  mark: { cluster: 'c', host: 'h', runEpoch: 3 },
};

const told = ({ events }: GuestStep): readonly string[] =>
  events.map((event) => ('detail' in event ? `${event.type} ${event.detail}` : event.type));

const running = createGuest(spec, 1, false).guest;
const paused = pauseGuest(running).guest;

describe('a guest', () => {
  test('keeps of its spec what a hypervisor tells, and the rest of it nowhere', () => {
    expect(running).toEqual({
      id: 'g1',
      name: 'instance-1',
      mark: spec.mark,
      power: 'running',
      vcpus: 2,
      memoryMiB: 64,
      mac: 'fa:16:3e:00:00:01',
      incarnation: 1,
      awaitsBoot: false,
      boots: 1,
      log: undefined,
    });
  });

  test('created paused boots when it is first resumed, and only then', () => {
    const created = createGuest(spec, 1, true).guest;
    expect(created).toMatchObject({ power: 'paused', boots: 0 });
    const resumed = resumeGuest(created).guest;
    expect(resumed).toMatchObject({ power: 'running', boots: 1 });
    expect(resumeGuest(pauseGuest(resumed).guest).guest).toMatchObject({ boots: 1 });
  });

  test('tells of each change once', () => {
    expect(told(pauseGuest(running))).toEqual(['guest.paused paused']);
    expect(told(pauseGuest(paused))).toEqual([]);
    expect(told(resumeGuest(paused))).toEqual(['guest.resumed unpaused']);
    expect(told(resumeGuest(running))).toEqual([]);
    expect(told(rebootGuest(running, ''))).toEqual([]);
    expect(told(stopGuest(running, 'destroyed'))).toEqual(['guest.stopped destroyed']);
  });

  test('is paused before its memory is written, if it ran', () => {
    expect(told(saveGuest(running))).toEqual(['guest.paused paused', 'guest.stopped saved']);
    expect(told(saveGuest(paused))).toEqual(['guest.stopped saved']);
    expect(told(failedSave(running))).toEqual(['guest.paused paused', 'guest.resumed unpaused']);
    expect(failedSave(running).guest).toBe(running);
    expect(failedSave(paused)).toEqual({ guest: paused, events: [] });
  });

  test('restored runs under its new mark and does not boot', () => {
    const mark = { ...spec.mark, runEpoch: 4 };
    const restored = restoreGuest({ ...spec, mark }, 2, saveGuest(running).guest);
    expect(restored.guest).toMatchObject({ mark, power: 'running', boots: 1, incarnation: 2 });
    expect(told(restored)).toEqual(['guest.started restored', 'guest.resumed from-snapshot']);
    expect(restoreGuest(spec, 2, undefined).guest).toMatchObject({ boots: 0, awaitsBoot: false });
  });

  test('that is off is no domain', () => {
    expect(toGuestState(stopGuest(running, 'failed').guest)).toBeUndefined();
    expect(toGuestState(paused)).toEqual({
      id: 'g1',
      name: 'instance-1',
      power: 'paused',
      mark: spec.mark,
    });
  });
});

describe('its console log', () => {
  test('follows from its boots until somebody writes', () => {
    expect(consoleText(running, 'boot\n')).toBe('boot\n');
    const rebooted = rebootGuest(running, 'boot\n').guest;
    expect(consoleText(rebooted, 'boot\n')).toBe('boot\nboot\n');
    const written = writeConsole(rebooted, 'boot\n', 'hello');
    expect(consoleText(written, 'boot\n')).toBe('boot\nboot\nhello');
    expect(consoleText(rebootGuest(written, 'boot\n').guest, 'boot\n')).toBe(
      'boot\nboot\nhelloboot\n',
    );
  });
});
