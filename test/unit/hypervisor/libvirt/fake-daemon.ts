// A libvirt daemon as far as the wire goes, on a real socket: answers calls by handlers, and does on request what a real
// one does only in bad moments (silence, nonsense, a lost connection).

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePacket, PacketSplitter } from '#hypervisor/libvirt/rpc/packet.ts';
import type { Packet } from '#hypervisor/libvirt/rpc/packet.ts';
import { procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import type { Procedure } from '#hypervisor/libvirt/rpc/procedures.ts';
import { remoteError } from '#hypervisor/libvirt/rpc/structures.ts';
import { decodeXdr, encodeXdr } from '#hypervisor/libvirt/rpc/xdr.ts';
import type { LibvirtUri } from '#hypervisor/libvirt/rpc/uri.ts';

export interface FakeConnection {
  readonly socket: Socket;
  readonly packets: Packet[];
  /** Sends a packet of the remote program; `over` changes what the default says. */
  send(over: Partial<Packet>): void;
}

export interface ErrorAnswer {
  readonly error: number;
  readonly message?: string;
  /** errno, for system errors. */
  readonly int1?: number;
}
export type Answer = Uint8Array | ErrorAnswer | 'silence';
type Handler = (payload: Uint8Array, connection: FakeConnection, packet: Packet) => Answer;

const REMOTE = { program: 0x2000_8086, version: 1, procedure: 0, serial: 0, status: 0 } as const;

export class FakeDaemon {
  readonly connections: FakeConnection[] = [];
  readonly #handlers = new Map<number, Handler>();
  readonly #directory: string;
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.answer(procedures.authList, () => ({ types: [] }));
    this.answer(procedures.connectSupportsFeature, () => ({ supported: 1 }));
    this.answer(procedures.connectOpen, () => undefined);
    this.answer(procedures.connectDomainEventCallbackRegisterAny, () => ({ callbackId: 7 }));
    this.answer(procedures.connectGetLibVersion, () => ({ version: 9_000_000 }));
    this.answer(procedures.connectGetAllDomainStats, () => ({ records: [] }));
  }

  static async start(): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(await mkdtemp(join(tmpdir(), 'kilonova-fake-')));
    await daemon.listen();
    return daemon;
  }

  get path(): string {
    return join(this.#directory, 'sock');
  }

  get uri(): LibvirtUri {
    return {
      target: { transport: 'unix', paths: [this.path] },
      driverName: 'qemu:///system',
    };
  }

  answer<A, R>(procedure: Procedure<A, R>, reply: (args: A) => R): void {
    this.handle(procedure, (payload) =>
      encodeXdr(procedure.result, reply(decodeXdr(procedure.args, payload))),
    );
  }

  handle<A, R>(procedure: Procedure<A, R>, handler: Handler): void {
    this.#handlers.set(procedure.number, handler);
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => this.accept(socket));
    this.#server.listen(this.path);
    await once(this.#server, 'listening');
  }

  /** As kill -9: the socket is gone and all connections end. */
  async die(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const { socket } of this.connections) socket.destroy();
    this.connections.length = 0;
    if (server === undefined) return;
    server.close();
    await once(server, 'close');
  }

  async close(): Promise<void> {
    await this.die();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** All calls that came, by procedure number, over all living connections. */
  get calls(): number[] {
    return this.connections
      .flatMap(({ packets }) => packets)
      .filter((packet) => packet.type === 0)
      .map((packet) => packet.procedure);
  }

  /** Waits until what has arrived satisfies `condition`. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  accept(socket: Socket): void {
    const packets: Packet[] = [];
    const send = (over: Partial<Packet>): void => {
      if (socket.destroyed) return;
      socket.write(encodePacket({ ...REMOTE, type: 1, payload: new Uint8Array(0), ...over }));
    };
    const connection: FakeConnection = { socket, packets, send };
    this.connections.push(connection);
    const splitter = new PacketSplitter();
    socket.on('error', () => undefined);
    socket.on('close', () => this.#wake());
    socket.on('data', (chunk: Buffer) => {
      for (const packet of splitter.push(chunk)) {
        packets.push(packet);
        if (packet.program === REMOTE.program && packet.type === 0)
          this.#onCall(connection, packet);
      }
      this.#wake();
    });
    this.#wake();
  }

  #onCall(connection: FakeConnection, packet: Packet): void {
    const handler = this.#handlers.get(packet.procedure);
    const answer: Answer =
      handler === undefined
        ? { error: 3, message: `procedure ${packet.procedure} is not faked` }
        : handler(packet.payload, connection, packet);
    if (answer === 'silence') return;
    const { procedure, serial } = packet;
    if (answer instanceof Uint8Array) connection.send({ procedure, serial, payload: answer });
    else connection.send({ procedure, serial, status: 1, payload: errorBody(answer) });
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

export function errorBody(given: ErrorAnswer): Uint8Array {
  return encodeXdr(remoteError, {
    code: given.error,
    domain: 10,
    message: given.message,
    level: 2,
    dom: undefined,
    str1: undefined,
    str2: undefined,
    str3: undefined,
    int1: given.int1 ?? -1,
    int2: -1,
    net: undefined,
  });
}
