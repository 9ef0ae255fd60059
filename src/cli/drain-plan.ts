// What a drain does next with each server of a host, from what the compute API tells of it. Nothing is kept between two
// looks but how often a server was tried: so a drain that died is taken up by calling it again. Pure.

/** As `GET /servers/detail` tells it to an administrator. */
export interface DrainedServer {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly 'OS-EXT-STS:task_state': string | null;
}

/** As `GET /os-migrations` tells it. */
export interface LeavingMigration {
  readonly instance_uuid: string;
  readonly migration_type: string;
}

export type Step =
  /** Asks for one of the ways in turn, until one is taken. */
  | { readonly kind: 'move'; readonly ways: readonly Way[] }
  | { readonly kind: 'wait' }
  | { readonly kind: 'stays'; readonly reason: string };

export type Way = 'live-migrate' | 'migrate' | 'shelve-offload';

export interface Tried {
  readonly times: number;
  /** Why it came to nothing the last time. */
  readonly reason: string;
}

export const MAX_TRIES = 3;

const waysOf: Readonly<Record<string, readonly Way[]>> = {
  ACTIVE: ['live-migrate', 'migrate'],
  SHUTOFF: ['migrate'],
  PAUSED: ['live-migrate'],
  SHELVED: ['shelve-offload'],
};

const reasons: Readonly<Record<string, string>> = {
  SUSPENDED: 'it is suspended: resume it, or shelve it',
  RESCUE: 'it is in rescue: unrescue it',
  ERROR: 'it is in error: delete it, or reset its state',
  SOFT_DELETED: 'it is deleted and can still be restored: delete it for good',
  VERIFY_RESIZE: 'a resize waits to be confirmed or reverted',
};

/** Of a server that is on the host now. */
export function stepOf(server: DrainedServer, tried: Tried | undefined): Step {
  const { status } = server;
  if (server['OS-EXT-STS:task_state'] !== null || status === 'BUILD') return { kind: 'wait' };
  const ways = waysOf[status];
  if (ways === undefined)
    return { kind: 'stays', reason: reasons[status] ?? `it is ${status}, and nothing moves it` };
  if (tried === undefined) return { kind: 'move', ways };
  if (tried.times >= MAX_TRIES) return { kind: 'stays', reason: tried.reason };
  // What runs and can't be moved so is stopped for it, rather than left.
  return { kind: 'move', ways: tried.times === MAX_TRIES - 1 ? ways.slice(-1) : ways };
}

/**
 * Of a move away that is over but not yet confirmed. A migration was an administrator's, and confirming it is part of the
 * drain; a resize was its user's.
 */
export function stepOfLeft({
  migration_type: type,
}: LeavingMigration): 'confirm' | Extract<Step, { kind: 'stays' }> {
  if (type === 'migration') return 'confirm';
  return { kind: 'stays', reason: 'its resize away from here waits to be confirmed or reverted' };
}

export function bodyOf(way: Way): { readonly body: unknown; readonly microversion: string } {
  switch (way) {
    case 'live-migrate':
      return {
        body: { 'os-migrateLive': { host: null, block_migration: 'auto' } },
        microversion: '2.68',
      };
    case 'migrate':
      return { body: { migrate: null }, microversion: '2.68' };
    case 'shelve-offload':
      return { body: { shelveOffload: null }, microversion: '2.68' };
    default:
      throw new Error(`no way ${String(way)}`);
  }
}
