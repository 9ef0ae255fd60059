// One data stream of the RPC protocol (a console): bytes both ways between two packets' headers. A stream has its
// connection to itself, so that a slow reader may stop the socket (`onBacklog`) without stopping anything else.

import type { HypervisorFault } from '../../port.ts';
import { MAX_STREAM_PAYLOAD_BYTES } from './packet.ts';

/** More unread bytes than this stop the socket until half of them are read. */
const BACKLOG_BYTES = 262_144;

export interface StreamLink {
  /** Sends one packet; resolves when the socket takes more. */
  readonly send: (status: 'continue' | 'ok' | 'error', payload: Uint8Array) => Promise<void>;
  readonly setPaused: (paused: boolean) => void;
}

export class RpcStream implements AsyncIterable<Uint8Array> {
  readonly #link: StreamLink;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #end: { readonly fault: HypervisorFault | undefined } | undefined;
  #finishSent = false;
  #wake: (() => void) | undefined;

  constructor(link: StreamLink) {
    this.#link = link;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Yields what comes until the other side ends the stream; throws if the stream broke. One reader only. */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const before = this.#buffered;
        this.#buffered -= chunk.length;
        const half = BACKLOG_BYTES / 2;
        if (before > half && this.#buffered <= half) this.#link.setPaused(false);
        yield chunk;
      } else if (this.#end !== undefined) {
        if (this.#end.fault !== undefined) throw this.#end.fault;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_STREAM_PAYLOAD_BYTES) {
      await this.#link.send('continue', data.subarray(at, at + MAX_STREAM_PAYLOAD_BYTES));
    }
  }

  /** Tells the other side that we are done. */
  async finish(): Promise<void> {
    if (this.#finishSent || this.#end?.fault !== undefined) return;
    this.#finishSent = true;
    await this.#link.send('ok', new Uint8Array(0));
  }

  /** For the connection: bytes came. An empty packet is the other side's end, which we confirm. */
  receive(data: Uint8Array): void {
    if (this.#end !== undefined) return;
    if (data.length === 0) {
      void this.finish().catch(() => this.end(undefined));
      this.end(undefined);
      return;
    }
    this.#chunks.push(data);
    this.#buffered += data.length;
    if (this.#buffered > BACKLOG_BYTES) this.#link.setPaused(true);
    this.#wakeReader();
  }

  /** For the connection: nothing more will come. */
  end(fault: HypervisorFault | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { fault };
    this.#wakeReader();
  }

  #wakeReader(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
