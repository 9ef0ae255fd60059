// Starts members of a libp2p network as processes of their own (transport-member.ts), to be killed, stopped and started
// again: what one process can't show of itself.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import type { Peer } from '#runtime/transport/port.ts';

import type { MemberStart, Order, Report } from './transport-member.ts';

export interface MemberProcess {
  readonly peer: Peer;
  readonly reports: readonly Report[];
  setPeers(peers: readonly Peer[]): void;
  /** Such as SIGSTOP, SIGCONT. */
  signal(name: NodeJS.Signals): void;
  /** Kills it and waits for its end. */
  kill(): Promise<void>;
}

export async function startMemberProcess(start: MemberStart): Promise<MemberProcess> {
  const child = fork(new URL('transport-member.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const reports: Report[] = [];
  const order = (what: Order): void => void child.send(what);
  const peer = await new Promise<Peer>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the member's process ended with ${code}`)));
    child.on('message', (report: Report) => {
      reports.push(report);
      if (report.report === 'booted') order({ order: 'start', start });
      if (report.report === 'ready') resolve({ id: report.self, addresses: report.addresses });
    });
  });
  return {
    peer,
    reports,
    setPeers: (peers) => order({ order: 'peers', peers }),
    signal: (name) => void child.kill(name),
    kill: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
