// `kilonova join TOKEN`: becomes a member of the cluster that the token is of, and starts as that member.
import { mkdirSync } from 'node:fs';
import { joinCluster } from '#main';
import { loadPolicy } from '../policy-file.ts';
import type { JoinArguments } from './arguments.ts';
import { findRunning } from './run-file.ts';
import { fromOptions, readSettings } from './settings.ts';
import { say, up } from './up.ts';

export async function join(token: string, options: JoinArguments): Promise<void> {
  const config = await readSettings(options);
  const running = findRunning(config.data);
  if (running !== undefined)
    throw new Error(
      `process ${running.pid} runs on ${config.data}: name another directory with --data`,
    );
  if (config.policyFile !== undefined) loadPolicy(config.policyFile);
  mkdirSync(config.data, { recursive: true, mode: 0o755 });
  const { data: _, ...said } = fromOptions(options);
  const { name, role, cluster } = await joinCluster({
    token,
    role: options.role === 'both' ? 'controller' : options.role,
    name: options.name,
    config,
    said,
  });
  say(`joined cluster ${cluster} as ${role} member ${name}`);
  await up(options);
}
