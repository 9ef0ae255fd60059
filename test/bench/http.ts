// A plain HTTP/1.1 client on one connection: one request at a time, bodies by Content-Length. It costs little, so that
// the bench measures the server and not its client.
import { connect, type Socket } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly headers: string;
  readonly body: Buffer;
}

export class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #received: Buffer[] = [];
  #size = 0;
  #wanted = 0;
  #head: { status: number; headers: string; bodyAt: number } | undefined;
  #done: { resolve: (reply: Reply) => void; reject: (error: unknown) => void } | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#done?.reject(error));
    socket.on('close', () => this.#done?.reject(new Error('the server closed the connection')));
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Connection(socket, host);
  }

  send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: unknown,
  ): Promise<Reply> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const all = {
      host: this.#host,
      ...headers,
      ...(payload === ''
        ? {}
        : {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(payload)),
          }),
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return this.sendText(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${payload}`);
  }

  /** A whole request, as it goes over the wire. */
  sendText(text: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#done = { resolve, reject };
      this.#socket.write(text);
    });
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#size += chunk.length;
    if (this.#head === undefined) this.#readHead();
    if (this.#head === undefined || this.#size < this.#wanted) return;
    const { status, headers, bodyAt } = this.#head;
    const all = Buffer.concat(this.#received);
    this.#received = [];
    this.#size = 0;
    this.#head = undefined;
    this.#done?.resolve({ status, headers, body: all.subarray(bodyAt) });
  }

  #readHead(): void {
    const all =
      this.#received.length === 1 ? (this.#received[0] as Buffer) : Buffer.concat(this.#received);
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) return;
    const headers = all.subarray(0, end).toString('latin1');
    const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1] ?? '0';
    this.#head = { status: Number(headers.slice(9, 12)), headers, bodyAt: end + 4 };
    this.#wanted = end + 4 + Number(length);
  }
}
