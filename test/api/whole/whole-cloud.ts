// The whole front door in this process: every service behind one port, over a real journal in a temporary directory and
// a simulated hypervisor. Requests go over sockets, byte for byte as the test wants them; whether anything was written
// is seen in the journal's files.
import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mergeConfig } from '#config/load.ts';
import { type Cloud, startCloud } from '#main';
import { ApiClient } from '#cli/chaos/api-client.ts';
import { restingServers } from '#test/integration/cloud/traffic.ts';

export interface RawReply {
  readonly status: number;
  readonly headers: string;
  readonly text: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

const REPLY_WITHIN_MS = 15_000;
const TINY_BYTES = 1_048_576;
/** Written by the cloud's own upkeep, whoever asks for what. */
const upkeep = /^(project\.settled|ledger\.\w+|provider\.described|instance\.power-changed)$/;

export class WholeCloud {
  readonly secret = Buffer.alloc(32, 'k').toString('base64');
  readonly keyId = 'key-1';
  readonly directory: string;
  #cloud!: Cloud;
  admin!: ApiClient;
  demo!: ApiClient;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async start(): Promise<WholeCloud> {
    const whole = new WholeCloud(mkdtempSync(join(tmpdir(), 'kilonova-whole-')));
    const tiny = join(whole.directory, 'tiny.raw');
    writeFileSync(tiny, '');
    truncateSync(tiny, TINY_BYTES);
    const config = mergeConfig([
      {
        source: 'the test',
        config: {
          data: whole.directory,
          listen: { host: '127.0.0.1', port: 0 },
          hypervisor: { kind: 'simulated', uri: 'none', hosts: 1 },
          logLevel: 'error',
        },
      },
    ]);
    whole.#cloud = await startCloud({
      config,
      secrets: {
        cluster: 'whole',
        adminPassword: 'admin-secret',
        userPassword: 'demo-secret',
        tokenKeys: [{ id: whole.keyId, secret: whole.secret }],
      },
      tinyImage: { path: tiny, diskFormat: 'raw' },
      onEnd: () => undefined,
    });
    const login = (user: string): Promise<ApiClient> =>
      ApiClient.login(whole.#cloud.url, { user, password: `${user}-secret`, project: user });
    whole.admin = await login('admin');
    whole.demo = await login('demo');
    return whole;
  }

  /** The id of a server of the demo project with a network of its own, once it rests. */
  async bootServer(withinMs: number): Promise<string> {
    const { demo } = this;
    const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images');
    const { server } = await demo.ask<{ server: { id: string } }>('POST', '/compute/v2.1/servers', {
      server: { name: 'vm', imageRef: images[0]?.id, flavorRef: '1', networks: 'auto' },
    });
    await restingServers(demo, withinMs);
    return server.id;
  }

  async stop(): Promise<void> {
    await this.#cloud.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** One request on a connection of its own. Headers and body go as they are. */
  send(request: RawRequest): Promise<RawReply> {
    const { method = 'GET', path, body = '' } = request;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const headers = {
      host: 'cloud.test',
      connection: 'close',
      ...(bytes.length === 0 ? {} : { 'content-length': String(bytes.length) }),
      ...request.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
    return this.sendBytes(Buffer.concat([head, bytes]));
  }

  /** Whatever bytes; resolves with the first reply when the server closes, or when it is complete. */
  sendBytes(bytes: Uint8Array): Promise<RawReply> {
    const { hostname, port } = new URL(this.#cloud.url);
    return new Promise((done, failed) => {
      const socket = connect(Number(port), hostname);
      let received = Buffer.alloc(0);
      const finish = (): void => {
        socket.destroy();
        const reply = readReply(received);
        if (reply === undefined) failed(new Error(`no reply: ${received.toString('latin1')}`));
        else done(reply);
      };
      socket.setTimeout(REPLY_WITHIN_MS, () => failed(new Error('no reply in time')));
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (isComplete(received)) finish();
      });
      // A body that is refused before its end breaks the sending off; what counts is the reply.
      socket.on('error', finish);
      socket.on('close', finish);
      socket.write(bytes);
    });
  }

  /** Changes whenever a byte is written to the journal. */
  journalMark(): string {
    return ['journal.db', 'journal.db-wal']
      .map((name) => statSync(join(this.directory, name), { bigint: true }))
      .map(({ size, mtimeNs }) => `${size}/${mtimeNs}`)
      .join(' ');
  }

  /** Types of the events written since this position, the cloud's own upkeep aside; and where the journal ends now. */
  eventsSince(position: number): { readonly events: readonly string[]; readonly end: number } {
    const copy = join(this.directory, 'copy.db');
    copyFileSync(join(this.directory, 'journal.db'), copy);
    copyFileSync(join(this.directory, 'journal.db-wal'), `${copy}-wal`);
    const db = new DatabaseSync(copy);
    try {
      const rows = db
        .prepare('SELECT position, events FROM entries WHERE position > ? ORDER BY position')
        .all(position);
      const events = rows
        .flatMap((row) => JSON.parse(String(row['events'])) as readonly unknown[])
        .map((event) => typeOf(event))
        .filter((type) => !upkeep.test(type));
      const end = Number(rows.at(-1)?.['position'] ?? position);
      return { events, end };
    } finally {
      db.close();
    }
  }
}

/** Stored as {type, …} or as [type, …]. */
function typeOf(event: unknown): string {
  const type = Array.isArray(event) ? event[0] : (event as { type?: unknown }).type;
  return String(type);
}

function readReply(received: Buffer): RawReply | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const headers = received.subarray(0, end).toString('latin1');
  return {
    status: Number(headers.slice(9, 12)),
    headers,
    text: received.subarray(end + 4).toString(),
  };
}

function isComplete(received: Buffer): boolean {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.subarray(0, end).toString('latin1'));
  return length !== null && received.length >= end + 4 + Number(length[1]);
}
