import { describe, expect, test } from 'vitest';
import { createCommandRunner, findProgram } from '#hypervisor/command.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

const run = createCommandRunner(realEnv(silentLog));

async function faultOf(call: Promise<unknown>): Promise<HypervisorFault> {
  const fault = await call.catch((error: unknown) => error);
  if (fault instanceof HypervisorFault) return fault;
  throw new Error(`expected a fault, got ${JSON.stringify(fault)}`);
}

describe('a command', () => {
  test('gives what it printed, from the input that it got', async () => {
    expect(await run(['sh', '-c', 'cat; echo words >&2'], { input: 'żółw' })).toEqual({
      exitCode: 0,
      stdout: 'żółw',
      stderr: 'words\n',
    });
  });

  test('that fails is told with its words and its exit code', async () => {
    const fault = await faultOf(run(['sh', '-c', 'echo no such thing >&2; exit 3']));
    expect(fault).toMatchObject({ code: 'failed', retryable: false });
    expect(fault.message).toContain('exited with 3: no such thing');
  });

  test('may fail when that is an answer', async () => {
    const result = await run(['sh', '-c', 'exit 1'], { accepts: [0, 1] });
    expect(result.exitCode).toBe(1);
  });

  test('that finds no space says so', async () => {
    const words = 'echo "write: No space left on device" >&2; exit 1';
    expect(await faultOf(run(['sh', '-c', words]))).toMatchObject({
      code: 'no-space',
      retryable: true,
    });
  });

  test('that is not there is told in words', async () => {
    const fault = await faultOf(run(['no-such-program', 'x']));
    expect(fault.message).toBe('no-such-program is not installed on this host');
  });

  test('that takes too long is killed', async () => {
    const fault = await faultOf(run(['sleep', '60'], { timeoutMs: 20 }));
    expect(fault).toMatchObject({ code: 'timeout', retryable: true });
    expect(fault.message).toBe('sleep 60 did not end within 20 ms');
  });

  test('that is killed by others says by what', async () => {
    const fault = await faultOf(run(['sh', '-c', 'kill -9 $$']));
    expect(fault.message).toContain('was killed by SIGKILL');
  });

  test('that prints without end is stopped', async () => {
    const fault = await faultOf(run(['yes'], { maxOutputBytes: 10_000 }));
    expect(fault).toMatchObject({ code: 'failed', message: 'yes printed too much' });
  });

  test('whose output may be cut ends by itself, and its first words are kept', async () => {
    const { stdout } = await run(['sh', '-c', 'echo first; head -c 200000 /dev/zero'], {
      maxOutputBytes: 10_000,
      cutsOutput: true,
    });
    expect(stdout.length).toBeLessThanOrEqual(10_000);
  });

  test('that ends well without reading its input did not do what was asked', async () => {
    const input = 'x'.repeat(10_000_000);
    const fault = await faultOf(run(['true'], { input }));
    expect(fault.cause).toBeInstanceOf(Error);
  });

  test('gets no shell and no settings of ours', async () => {
    expect((await run(['echo', '$HOME; *'])).stdout).toBe('$HOME; *\n');
    const { stdout } = await run(['env']);
    expect(stdout).toContain('LC_ALL=C');
    expect(stdout).not.toContain('NODE');
  });
});

test('programs are found where commands would find them', async () => {
  expect(await findProgram('sh')).toMatch(/\/sh$/);
  expect(await findProgram('no-such-program')).toBeUndefined();
});
