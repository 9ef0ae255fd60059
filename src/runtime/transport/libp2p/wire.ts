// A wire over one libp2p connection: one long stream per lane. The connection ends when either stream does, since a link
// with one lane is none.
import type { Connection, Stream } from '@libp2p/interface';

import type { Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import type { TransportLimits } from '../limits.ts';
import type { Lane } from '../port.ts';
import type { Wire, WireEvents } from '../wire.ts';
import { wordsOf } from '../words.ts';
import { endConnection } from './connections.ts';
import { LaneStream } from './lane-stream.ts';

export interface Libp2pWireOptions {
  readonly env: Env;
  readonly connection: Connection;
  readonly streams: Readonly<Record<Lane, Stream>>;
  readonly isDialled: boolean;
  readonly limits: TransportLimits;
}

export class Libp2pWire implements Wire {
  readonly peer: MemberId;
  readonly isDialled: boolean;
  readonly #options: Libp2pWireOptions;
  readonly #lanes: Readonly<Record<Lane, LaneStream>>;
  #events: WireEvents | undefined;
  #isOver = false;

  constructor(options: Libp2pWireOptions) {
    const { connection, isDialled } = options;
    this.peer = connection.remotePeer.toString();
    this.isDialled = isDialled;
    this.#options = options;
    this.#lanes = { control: this.#laneOf('control'), bulk: this.#laneOf('bulk') };
    connection.addEventListener('close', (event) =>
      this.#break(event.error?.message ?? 'the connection was closed'),
    );
  }

  /** What comes from now on goes there. */
  open(events: WireEvents): void {
    this.#events = events;
    this.#lanes.control.read();
    this.#lanes.bulk.read();
  }

  send(lane: Lane, frame: Uint8Array): boolean {
    return this.#lanes[lane].send(frame);
  }

  cut(reason: string): void {
    if (this.#isOver) return;
    this.#end();
    endConnection(this.#options.env, this.#options.connection, reason);
  }

  #laneOf(lane: Lane): LaneStream {
    const { env, streams, limits } = this.#options;
    return new LaneStream({
      env,
      stream: streams[lane],
      mostFrameBytes: limits.frameBytes[lane],
      onBytes: () => this.#events?.alive(),
      onFrame: (frame) => this.#events?.received(lane, frame),
      onDrained: () => this.#events?.drained(lane),
      onFoul: (cause) => this.#break(`it sent ${wordsOf(cause)}`, true),
      onEnd: (reason) => this.#break(`its ${lane} lane ended: ${reason}`),
    });
  }

  #break(reason: string, isFoul = false): void {
    if (this.#isOver) return;
    this.#end();
    endConnection(this.#options.env, this.#options.connection, reason);
    this.#events?.broken(reason, isFoul);
  }

  #end(): void {
    this.#isOver = true;
    this.#lanes.control.end();
    this.#lanes.bulk.end();
  }
}
