// Which troubles a walk is made of, as tables. A walk draws its steps from the weights; everything that is not named has
// weight 0. To add a mix, add a table; to add a trouble, add it to nemeses.ts and weigh it here.
import type { NemesisName } from './nemeses.ts';
import type { UserActName } from './users.ts';

type Weights<Name extends string> = Readonly<Partial<Record<Name, number>>>;

export interface Mix {
  readonly about: string;
  readonly users: Weights<UserActName>;
  readonly nemeses: Weights<NemesisName>;
  /** Least and most, drawn for each walk. */
  readonly hosts: readonly [number, number];
  /** 0, and 1: one process has everything. */
  readonly controllers: readonly [number, number];
  /** No process dies and the store works: then there must be nothing for audits to mend. */
  readonly isCalm?: boolean;
}

const users: Weights<UserActName> = {
  create: 20,
  operate: 60,
  delete: 8,
  repeat: 8,
  reserve: 3,
  reset: 3,
};
const hostTrouble: Weights<NemesisName> = {
  'host-call': 45,
  wire: 4,
  connection: 14,
  power: 4,
  guest: 28,
  disk: 6,
};
const processTrouble: Weights<NemesisName> = {
  kill: 6,
  'die-at-boundary': 12,
  restart: 5,
  pause: 5,
  clock: 6,
};

const networkTrouble: Weights<NemesisName> = { partition: 8, cut: 8, 'break-link': 6, messages: 8 };

export const mixes = {
  everything: {
    about: 'a cluster, and all troubles at once, each now and then',
    users,
    nemeses: {
      ...hostTrouble,
      ...processTrouble,
      ...networkTrouble,
      store: 12,
      poison: 4,
      overload: 4,
      liar: 5,
      'late-report': 5,
    },
    hosts: [1, 3],
    controllers: [2, 3],
  },
  alone: {
    about: 'a cloud in one process, and all troubles that it can have',
    users,
    nemeses: {
      ...hostTrouble,
      ...processTrouble,
      store: 14,
      poison: 4,
      overload: 4,
    },
    hosts: [1, 3],
    controllers: [0, 0],
  },
  hosts: {
    about: 'hosts, hypervisors and guests fail; processes, network and store work',
    users,
    nemeses: hostTrouble,
    hosts: [1, 3],
    controllers: [0, 2],
    isCalm: true,
  },
  deaths: {
    about: 'processes die at every moment, and are started again',
    users,
    nemeses: {
      kill: 20,
      'die-at-boundary': 60,
      restart: 10,
      power: 3,
      'host-call': 15,
      guest: 10,
      'late-report': 10,
    },
    hosts: [1, 3],
    controllers: [0, 3],
  },
  store: {
    about: 'the store is slow, full or away, and loses answers',
    users,
    nemeses: { store: 60, 'die-at-boundary': 10, kill: 5, 'host-call': 10, guest: 8, clock: 5 },
    hosts: [1, 3],
    controllers: [0, 3],
  },
  network: {
    about:
      'partitions of every shape, links that break, messages lost, late, twice and out of turn',
    users,
    nemeses: {
      partition: 20,
      cut: 25,
      'break-link': 15,
      messages: 20,
      'host-call': 8,
      guest: 6,
      pause: 4,
    },
    hosts: [1, 3],
    controllers: [2, 3],
  },
  moves: {
    about: 'guests move all the time, while hosts, processes, links and the store fail under them',
    users: { create: 15, move: 60, operate: 12, abort: 8, delete: 4, repeat: 4 },
    nemeses: {
      ...hostTrouble,
      'host-call': 60,
      wire: 12,
      power: 8,
      kill: 8,
      'die-at-boundary': 40,
      restart: 4,
      pause: 6,
      partition: 6,
      cut: 10,
      messages: 5,
      store: 6,
    },
    hosts: [2, 3],
    controllers: [0, 3],
  },
  leases: {
    about:
      'processes stand still for longer than a lease, are cut off, and come back as if nothing had been',
    users,
    nemeses: {
      pause: 45,
      partition: 12,
      cut: 10,
      restart: 8,
      clock: 8,
      'die-at-boundary': 8,
      store: 6,
      guest: 5,
    },
    hosts: [1, 3],
    controllers: [2, 3],
  },
  'going-back': {
    about:
      'the store is set back in time under a cluster that lives: nothing that was told may be lost',
    users,
    nemeses: {
      rollback: 40,
      'host-call': 20,
      guest: 12,
      clock: 8,
      connection: 8,
      overload: 4,
      liar: 6,
    },
    hosts: [1, 3],
    controllers: [2, 3],
  },
  pressure: {
    about: 'clients repeat themselves, floods, poison, full disks, clocks that step',
    users: { ...users, repeat: 40, delete: 20 },
    nemeses: {
      overload: 20,
      poison: 20,
      liar: 20,
      'late-report': 20,
      clock: 15,
      disk: 10,
      'host-call': 20,
      guest: 10,
      restart: 5,
    },
    hosts: [1, 2],
    controllers: [0, 2],
  },
} satisfies Readonly<Record<string, Mix>>;

export type MixName = keyof typeof mixes;
export const mixNames = Object.keys(mixes) as readonly MixName[];

/** Which mix a seed is for, unless told otherwise. */
export function mixOf(seed: number): MixName {
  return mixNames[seed % mixNames.length] ?? 'everything';
}
