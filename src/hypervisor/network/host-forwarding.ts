// What the whole host must allow before guests reach the world: IP forwarding, and a way through foreign firewalls that
// drop by default (docker, ufw). A drop in any table is final, so those get accept rules of ours, marked by a comment,
// and lose them again with the network. What the host had before is remembered in a file and given back at the end.

import { rm } from 'node:fs/promises';
import { findProgram } from '../command.ts';
import type { RunCommand } from '../command.ts';
import { readIfThere, replaceFile } from '../host-files.ts';
import type { HostNetworkSpec } from '../network-port.ts';
import type { HypervisorEnv } from '../port.ts';

/** Read and written by programs, not by us, since it differs between network namespaces. */
const forwardingPath = '/proc/sys/net/ipv4/ip_forward';

export interface HostForwardingOptions {
  readonly env: HypervisorEnv;
  readonly run: RunCommand;
  /** Keeps what ip_forward was before us. */
  readonly rememberPath: string;
  /** Marks our rules in foreign chains. */
  readonly comment: string;
}

export class HostForwarding {
  readonly #options: HostForwardingOptions;

  constructor(options: HostForwardingOptions) {
    this.#options = options;
  }

  async enable(): Promise<void> {
    const { env, run, rememberPath } = this.#options;
    const { stdout } = await run(['cat', forwardingPath]);
    if (stdout.trim() === '1') return;
    await replaceFile(env, rememberPath, stdout.trim(), { durable: true });
    await run(['tee', forwardingPath], { input: '1' });
    env.log.info({}, 'IP forwarding switched on for this host');
  }

  /** Gives back what `enable` changed, unless another cloud on this host needs it. */
  async restore(): Promise<void> {
    const { env, run, rememberPath } = this.#options;
    const before = await readIfThere(rememberPath);
    if (before === '') return;
    const { stdout } = await run(['nft', 'list', 'tables', 'inet']);
    if (!/table inet kilonova/.test(stdout)) {
      await run(['tee', forwardingPath], { input: before === '1' ? '1' : '0' });
      env.log.info({}, 'IP forwarding set back for this host');
    }
    await rm(rememberPath, { force: true });
  }

  async openForeignFirewall(spec: HostNetworkSpec): Promise<void> {
    if ((await findProgram('iptables')) === undefined) return;
    for (const [chain, rules] of Object.entries(this.#foreignRules(spec))) {
      const { stdout } = await this.#iptables(['-S', chain]);
      if (!new RegExp(`^-P ${chain} DROP$`, 'm').test(stdout)) continue;
      for (const rule of rules) await this.#insert(chain, rule);
    }
  }

  async closeForeignFirewall(spec: HostNetworkSpec): Promise<void> {
    if ((await findProgram('iptables')) === undefined) return;
    for (const [chain, rules] of Object.entries(this.#foreignRules(spec))) {
      for (const rule of rules) {
        const found = await this.#iptables(['-C', chain, ...rule], [0, 1, 2, 4]);
        if (found.exitCode === 0) await this.#iptables(['-D', chain, ...rule]);
      }
    }
  }

  async #insert(chain: string, rule: readonly string[]): Promise<void> {
    const found = await this.#iptables(['-C', chain, ...rule], [0, 1]);
    if (found.exitCode !== 0) await this.#iptables(['-I', chain, ...rule]);
  }

  #iptables(args: readonly string[], accepts: readonly number[] = [0]): ReturnType<RunCommand> {
    return this.#options.run(['iptables', '-w', '5', ...args], { accepts });
  }

  #foreignRules(spec: HostNetworkSpec): Readonly<Record<string, readonly (readonly string[])[]>> {
    const accept = ['-m', 'comment', '--comment', this.#options.comment, '-j', 'ACCEPT'];
    const from = ['-i', spec.bridge];
    const metadata = String(spec.metadataPort);
    return {
      FORWARD: [
        [...from, ...accept],
        ['-o', spec.bridge, ...accept],
      ],
      INPUT: [
        [...from, '-p', 'udp', '--dport', '67', ...accept],
        ...(spec.metadataPort === undefined
          ? []
          : [[...from, '-p', 'tcp', '--dport', metadata, ...accept]]),
      ],
    };
  }
}
