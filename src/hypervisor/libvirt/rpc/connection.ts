// One connection to a libvirt daemon: calls with deadlines matched to replies by serial number, a bounded number in
// flight (libvirtd stops reading at five, keepalive included), events, keepalive, one stream. When it ends, every call
// is rejected; it never reconnects by itself (connections.ts does).

import type { Socket } from 'node:net';
import { HypervisorFault } from '../../port.ts';
import type { HypervisorEnv } from '../../port.ts';
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

interface PendingCall {
  readonly name: string;
  readonly serial: number;
  readonly packet: Uint8Array;
  readonly stream: RpcStream | undefined;
  readonly settle: (outcome: { payload: Uint8Array } | { fault: HypervisorFault }) => void;
  /** Its deadline passed, but the daemon still works on it, so it still fills a place. */
  abandoned: boolean;
}

const NO_BYTES = new Uint8Array(0);

export class RpcConnection {
  readonly #socket: Socket;
  readonly #options: RpcConnectionOptions;
  readonly #splitter = new PacketSplitter();
  readonly #queue: PendingCall[] = [];
  readonly #inFlight = new Map<number, PendingCall>();
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
    return this.#queue.length + this.#inFlight.size;
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

  #request<A>(
    procedure: Procedure<A, unknown>,
    args: A,
    options: { timeoutMs: number; stream: RpcStream | undefined },
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== undefined) {
        reject(this.#closedBy);
        return;
      }
      if (this.#queue.length >= this.#options.maxQueued) {
        const message = `${this.#options.name}: ${this.#queue.length} calls wait already`;
        reject(new HypervisorFault('failed', message, { retryable: true }));
        return;
      }
      const serial = this.#nextSerial();
      const packet = this.#encodeCall(procedure, args, serial);
      const cancelTimer = this.#options.env.timers.after(options.timeoutMs, () =>
        this.#onDeadline(call, options.timeoutMs),
      );
      const call: PendingCall = {
        name: procedure.name,
        serial,
        packet,
        stream: options.stream,
        abandoned: false,
        settle: (outcome) => {
          cancelTimer();
          if ('fault' in outcome) reject(outcome.fault);
          else resolve(outcome.payload);
        },
      };
      this.#queue.push(call);
      this.#pump();
    });
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

  #pump(): void {
    while (this.#inFlight.size < this.#options.maxInFlight) {
      const call = this.#queue.shift();
      if (call === undefined) return;
      this.#inFlight.set(call.serial, call);
      if (call.stream !== undefined) {
        const procedure = new DataView(call.packet.buffer, call.packet.byteOffset).getInt32(12);
        this.#stream = { serial: call.serial, procedure, it: call.stream };
      }
      this.#socket.write(call.packet);
    }
  }

  #onDeadline(call: PendingCall, timeoutMs: number): void {
    const queued = this.#queue.indexOf(call);
    if (queued >= 0) this.#queue.splice(queued, 1);
    call.abandoned = true;
    const where = queued >= 0 ? 'waited for its turn for' : 'had no answer for';
    const message = `libvirt ${call.name} ${where} ${timeoutMs} ms (${this.#options.name})`;
    call.settle({ fault: new HypervisorFault('timeout', message, { retryable: true }) });
    const stuck = [...this.#inFlight.values()].every((other) => other.abandoned);
    if (this.#inFlight.size >= this.#options.maxInFlight && stuck) {
      this.#fail(`all ${this.#inFlight.size} calls in flight are overdue`);
    }
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
    const call = this.#inFlight.get(packet.serial);
    if (call === undefined) {
      this.#fail(`a reply to no call of ours (serial ${packet.serial})`);
      return;
    }
    this.#inFlight.delete(packet.serial);
    const outcome =
      packet.status === packetStatus.ok
        ? { payload: packet.payload }
        : { fault: this.#faultIn(packet.payload, call.name) };
    if (!call.abandoned) call.settle(outcome);
    this.#pump();
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
    const calls = [...this.#inFlight.values(), ...this.#queue];
    this.#inFlight.clear();
    this.#queue.length = 0;
    for (const call of calls) if (!call.abandoned) call.settle({ fault });
    this.#stream?.it.end(fault);
    this.#options.onClose?.(fault);
  }
}

function lost(name: string, reason: string, cause?: unknown): HypervisorFault {
  return new HypervisorFault('connection-lost', `${name}: ${reason}`, { retryable: true, cause });
}
