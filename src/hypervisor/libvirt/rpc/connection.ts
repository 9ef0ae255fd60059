// One connection to a libvirt daemon: calls with deadlines matched to replies by serial number, a bounded number in
// flight (libvirtd stops reading at five, keepalive included), events, keepalive, one stream. When it ends, every call
// is rejected; it never reconnects by itself (connections.ts does).

import type { Socket } from 'node:net';
import { HypervisorFault } from '../../port.ts';
import type { HypervisorEnv } from '../../port.ts';
import { CallTable } from './call-table.ts';
import { faultOfRemoteError } from './faults.ts';
import { Keepalive } from './keepalive.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import { encodePacket, packetStatus, PacketSplitter, packetType } from './packet.ts';
import type { Packet } from './packet.ts';
import {
  KEEPALIVE_PROGRAM,
  keepaliveProcedure,
  PROTOCOL_VERSION,
  REMOTE_PROGRAM,
} from './procedures.ts';
import type { Procedure } from './procedures.ts';
import { RpcStream } from './stream.ts';
import { remoteError } from './structures.ts';
import { decodeXdr, encodeXdr, XdrError } from './xdr.ts';

export interface RpcConnectionOptions {
  readonly env: HypervisorEnv;
  /** For messages: `quick connection to /run/libvirt/libvirt-sock`. */
  readonly name: string;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  readonly onEvent?: (procedure: number, payload: Uint8Array) => void;
  /** Called once, after all calls were rejected. */
  readonly onClose?: (fault: HypervisorFault) => void;
}

const NO_BYTES = new Uint8Array(0);

export class RpcConnection {
  readonly #socket: Socket;
  readonly #options: RpcConnectionOptions;
  readonly #splitter = new PacketSplitter();
  readonly #calls: CallTable;
  #stream:
    | { readonly serial: number; readonly procedure: number; readonly it: RpcStream }
    | undefined;
  #keepalive: Keepalive | undefined;
  #lastSerial = 0;
  #closedBy: HypervisorFault | undefined;

  /** Takes over the socket. */
  constructor(socket: Socket, options: RpcConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { env, name, maxInFlight, maxQueued } = options;
    const onStuck = (reason: string): void => this.#fail(reason);
    this.#calls = new CallTable({ env, name, maxInFlight, maxQueued, onStuck });
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#fail(error.message, error));
    socket.on('close', () => this.#fail('the daemon closed the connection'));
    socket.resume();
  }

  get closed(): boolean {
    return this.#closedBy !== undefined;
  }

  /** Calls that wait or are under way. */
  get load(): number {
    return this.#calls.load;
  }

  /** Rejects with HypervisorFault: libvirt's error, timeout (also while queued), or connection-lost. */
  async call<A, R>(procedure: Procedure<A, R>, args: A, timeoutMs: number): Promise<R> {
    const payload = await this.#request(procedure, args, { timeoutMs, stream: undefined });
    try {
      return decodeXdr(procedure.result, payload);
    } catch (error) {
      throw this.#malformed(`the reply to ${procedure.name}`, error);
    }
  }

  /** Makes a call that opens a stream. A connection carries one stream in its life. */
  async openStream<A>(
    procedure: Procedure<A, void>,
    args: A,
    timeoutMs: number,
  ): Promise<RpcStream> {
    if (this.#stream !== undefined) throw new Error('this connection had a stream already');
    const stream: RpcStream = new RpcStream({
      send: (status, payload) => this.#sendStream(status, payload),
      setPaused: (paused) => (paused ? this.#socket.pause() : this.#socket.resume()),
    });
    await this.#request(procedure, args, { timeoutMs, stream });
    return stream;
  }

  startKeepalive(options: KeepaliveOptions): void {
    this.#keepalive = new Keepalive(this.#options.env, {
      ...options,
      ping: () => this.#sendKeepalive(keepaliveProcedure.ping),
      lost: (reason) => this.#fail(reason),
    });
    this.#keepalive.start();
  }

  close(reason: string): void {
    this.#fail(reason);
  }

  async #request<A>(
    procedure: Procedure<A, unknown>,
    args: A,
    options: { timeoutMs: number; stream: RpcStream | undefined },
  ): Promise<Uint8Array> {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    const { name, number } = procedure;
    const { timeoutMs, stream } = options;
    const serial = this.#nextSerial();
    const packet = this.#encodeCall(procedure, args, serial);
    const send = (): void => {
      if (stream !== undefined) this.#stream = { serial, procedure: number, it: stream };
      this.#socket.write(packet);
    };
    return this.#calls.add({ name, serial, timeoutMs, send });
  }

  #encodeCall<A>(procedure: Procedure<A, unknown>, args: A, serial: number): Uint8Array {
    try {
      return encodePacket({
        program: REMOTE_PROGRAM,
        version: PROTOCOL_VERSION,
        procedure: procedure.number,
        type: packetType.call,
        serial,
        status: packetStatus.ok,
        payload: encodeXdr(procedure.args, args),
      });
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
      const message = `libvirt ${procedure.name}: the arguments cannot be sent: ${error.message}`;
      throw new HypervisorFault('failed', message, { cause: error });
    }
  }

  /** Serials are unsigned 32 bit numbers; 0 belongs to events. */
  #nextSerial(): number {
    this.#lastSerial = this.#lastSerial >= 0xffff_ffff ? 1 : this.#lastSerial + 1;
    return this.#lastSerial;
  }

  #onData(chunk: Uint8Array): void {
    this.#keepalive?.heard();
    let packets: Packet[];
    try {
      packets = this.#splitter.push(chunk);
    } catch (error) {
      this.#fail(`malformed packet: ${(error as Error).message}`, error);
      return;
    }
    for (const packet of packets) {
      if (this.#closedBy !== undefined) return;
      this.#onPacket(packet);
    }
  }

  #onPacket(packet: Packet): void {
    if (packet.program === KEEPALIVE_PROGRAM) {
      if (packet.procedure === keepaliveProcedure.ping) {
        this.#sendKeepalive(keepaliveProcedure.pong);
      }
      return;
    }
    switch (packet.type) {
      case packetType.reply:
        this.#onReply(packet);
        return;
      case packetType.message:
        if (packet.program === REMOTE_PROGRAM) {
          this.#options.onEvent?.(packet.procedure, packet.payload);
        }
        return;
      case packetType.stream:
        this.#onStream(packet);
        return;
      default:
        this.#fail(`packet of unexpected type ${packet.type}`);
    }
  }

  #onReply(packet: Packet): void {
    const { serial, status, payload } = packet;
    const name = this.#calls.nameOf(serial);
    if (name === undefined) this.#fail(`a reply to no call of ours (serial ${serial})`);
    else if (status === packetStatus.ok) this.#calls.settle(serial, { payload });
    else this.#calls.settle(serial, { fault: this.#faultIn(payload, name) });
  }

  #onStream(packet: Packet): void {
    if (this.#stream === undefined || this.#stream.serial !== packet.serial) return;
    const { it } = this.#stream;
    if (packet.status === packetStatus.continue) it.receive(packet.payload);
    else if (packet.status === packetStatus.ok) it.end(undefined);
    else it.end(this.#faultIn(packet.payload, 'stream'));
  }

  #faultIn(payload: Uint8Array, what: string): HypervisorFault {
    try {
      return faultOfRemoteError(decodeXdr(remoteError, payload), what);
    } catch (error) {
      return this.#malformed(`the error of ${what}`, error);
    }
  }

  #malformed(what: string, error: unknown): HypervisorFault {
    if (!(error instanceof XdrError)) throw error;
    const message = `${this.#options.name}: ${what} is malformed: ${error.message}`;
    return new HypervisorFault('failed', message, { cause: error });
  }

  #sendKeepalive(procedure: number): void {
    this.#socket.write(
      encodePacket({
        program: KEEPALIVE_PROGRAM,
        version: PROTOCOL_VERSION,
        procedure,
        type: packetType.message,
        serial: 0,
        status: packetStatus.ok,
        payload: NO_BYTES,
      }),
    );
  }

  #sendStream(status: keyof typeof packetStatus, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== undefined || this.#stream === undefined) {
        reject(this.#closedBy ?? new Error('no stream is open'));
        return;
      }
      const packet = encodePacket({
        program: REMOTE_PROGRAM,
        version: PROTOCOL_VERSION,
        procedure: this.#stream.procedure,
        type: packetType.stream,
        serial: this.#stream.serial,
        status: packetStatus[status],
        payload,
      });
      this.#socket.write(packet, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(lost(this.#options.name, error.message, error));
      });
    });
  }

  #fail(reason: string, cause?: unknown): void {
    if (this.#closedBy !== undefined) return;
    const fault = lost(this.#options.name, reason, cause);
    this.#closedBy = fault;
    this.#keepalive?.stop();
    this.#socket.destroy();
    this.#calls.failAll(fault);
    this.#stream?.it.end(fault);
    this.#options.onClose?.(fault);
  }
}

function lost(name: string, reason: string, cause?: unknown): HypervisorFault {
  return new HypervisorFault('connection-lost', `${name}: ${reason}`, { retryable: true, cause });
}
