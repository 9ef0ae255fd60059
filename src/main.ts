// Starts what the settings ask for over real ports: a cloud in one process, a controller of a cluster, or a compute member
// of one. Each is loaded only when it is asked for. The files beside this one are the wiring.
import { mkdirSync } from 'node:fs';
import type { Config } from '#config/schema.ts';
import type { Log } from '#runtime/env/env.ts';
import type { JoinAnswer, JoinWish } from './join.ts';
import type { CloudSecrets, TinyImage } from './neighbours.ts';

export type { CloudSecrets, JoinAnswer, JoinWish, TinyImage };

export interface ComputeOptions {
  readonly config: Config;
  /** Another process has taken over, or the cluster has let this one go: it must end, with an exit code. */
  readonly onEnd: (reason: string, code: number) => void;
}

export interface CloudOptions extends ComputeOptions {
  readonly secrets: CloudSecrets;
  readonly tinyImage: TinyImage;
}

export interface Cloud {
  /** `http://127.0.0.1:8774`, with the port that was taken; empty for a compute member, which has no APIs. */
  readonly url: string;
  readonly log: Log;
  /** Finishes what was acknowledged and lets go of everything; guests go on. */
  stop(): Promise<void>;
}

export type ProcessKind = 'embedded' | 'controller' | 'compute';

export function processKindOf({ cluster }: Config): ProcessKind {
  if (!cluster.roles.includes('controller')) return 'compute';
  return cluster.redis === undefined ? 'embedded' : 'controller';
}

/** Resolves when it serves. Rejects in words if it can't start; nothing is left open then. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { config } = options;
  mkdirSync(config.data, { recursive: true });
  return processKindOf(config) === 'embedded'
    ? (await import('./embedded.ts')).startEmbedded(options)
    : (await import('./controller.ts')).startController(options);
}

/** A compute member; it knows no passwords and offers no images. */
export async function startCompute(options: ComputeOptions): Promise<Cloud> {
  return (await import('./compute-member.ts')).startComputeMember(options);
}

/** Asks the controllers that a token names to be admitted, and keeps what they answer in the data directory. */
export async function joinCluster(wish: JoinWish): Promise<JoinAnswer> {
  return (await import('./join.ts')).joinCluster(wish);
}
