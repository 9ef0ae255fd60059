// Starts one dnsmasq and tells when it serves. It is our child, so that its end is heard at once, but in a session of its
// own: guests keep their DHCP when we are killed. Ending it and finding it again is dhcp-server.ts's matter.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { commandPath } from '../command.ts';
import { readIfThere } from '../host-files.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import { pause } from './process-table.ts';

const startTimeoutMs = 10_000;
const startPollMs = 2;
const maxWords = 4_096;

export interface DnsmasqStart {
  readonly env: HypervisorEnv;
  /** Put before the program: how to get into the network namespace. */
  readonly prefix: readonly string[];
  readonly configArgument: string;
  readonly pidPath: string;
  readonly leasesPath: string;
  /** Told when the process ends, however long after the start. */
  readonly ended: (pid: number) => void;
}

/** Resolves with the process id once it has its sockets. Fault `failed` with dnsmasq's words. */
export async function startDnsmasq(start: DnsmasqStart): Promise<number> {
  const [program = 'dnsmasq', ...args]: readonly string[] = [
    ...start.prefix,
    'dnsmasq',
    '--keep-in-foreground',
    start.configArgument,
    `--pid-file=${start.pidPath}`,
    `--dhcp-leasefile=${start.leasesPath}`,
  ];
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: commandPath, LC_ALL: 'C' },
  });
  child.unref();
  const { pid } = child;
  child.on('exit', () => start.ended(pid ?? 0));
  try {
    await waitUntilReady(start, child);
  } finally {
    // From here on it writes to its log; the pipe must not keep us, nor us the pipe.
    child.stderr.destroy();
  }
  return pid ?? 0;
}

async function waitUntilReady(start: DnsmasqStart, child: ChildProcess): Promise<void> {
  const until = start.env.clock.monotonic() + startTimeoutMs;
  let words = '';
  let failed = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    if (words.length < maxWords) words += chunk.toString('utf8');
  });
  child.on('error', (error) => {
    words = error.message;
    failed = true;
  });
  child.on('close', () => (failed = true));
  while (Number(await readIfThere(start.pidPath)) !== child.pid) {
    if (failed || start.env.clock.monotonic() > until) {
      child.kill('SIGKILL');
      const reason = words.trim() || `it was not ready after ${startTimeoutMs} ms`;
      throw new HypervisorFault('failed', `dnsmasq did not start: ${reason}`);
    }
    await pause(start.env, startPollMs);
  }
}
