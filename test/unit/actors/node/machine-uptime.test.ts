import { expect, test } from 'vitest';
import { machineUptime } from '#actors/node/machine-uptime.ts';

test('gives the words of the command, and nothing where it is missing, fails or is silent', async () => {
  expect(await machineUptime('/bin/pwd')).toBe(process.cwd());
  expect(await machineUptime('/bin/false')).toBeUndefined();
  expect(await machineUptime('/bin/true')).toBeUndefined();
  expect(await machineUptime('/no/such/command')).toBeUndefined();
});
