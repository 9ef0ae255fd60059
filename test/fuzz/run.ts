// Sends fuzzed requests to a whole cloud and looks at every answer: no 5xx but the refusals of overload, which are
// counted, and every error in its service's form. At the end the heap after a full collection is compared with that of the
// first third: what requests leave behind must not grow with their number.
import { Agent, request as httpRequest } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { seededRandom } from '#runtime/env/seeded-random.ts';
import { complaint } from '#test/api/whole/envelopes.ts';
import { type RawReply, WholeCloud } from '#test/api/whole/whole-cloud.ts';
import { type FuzzRequest, Generator } from './generator.ts';
import { Housekeeping } from './housekeeping.ts';
import { Ids } from './ids.ts';
import { fuzzRows } from './rows.ts';

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  /** Only calls whose `service METHOD path` it finds. */
  readonly only?: RegExp;
  /** Told every few thousand requests. */
  readonly onProgress?: (line: string) => void;
}

export interface FuzzReport {
  readonly requests: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byFault: Readonly<Record<string, number>>;
  /** 503 with Retry-After. */
  readonly overloaded: number;
  /** What is wrong, in words; the first of each kind, with how often it was seen. */
  readonly complaints: ReadonlyMap<string, { readonly first: string; count: number }>;
  /** MiB of heap in use after a collection: after the first third, and at the end. */
  readonly heapMiB: readonly [early: number, late: number];
}

const CONCURRENCY = 8;
const BATCH = 500;
const PROGRESS_EVERY = 5_000;
const REPLY_WITHIN_MS = 30_000;
const BYTES_PER_MIB = 1_048_576;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const cloud = await WholeCloud.start();
  const run = new Run(cloud, options);
  try {
    return await run.all();
  } finally {
    run.close();
    await cloud.stop();
  }
}

class Run {
  readonly #cloud: WholeCloud;
  readonly #options: FuzzOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  readonly #byStatus: Record<string, number> = {};
  readonly #byFault: Record<string, number> = {};
  readonly #complaints = new Map<string, { first: string; count: number }>();
  #overloaded = 0;
  #sent = 0;

  constructor(cloud: WholeCloud, options: FuzzOptions) {
    this.#cloud = cloud;
    this.#options = options;
  }

  close(): void {
    this.#agent.destroy();
  }

  async all(): Promise<FuzzReport> {
    const { requests, seed, only = /./, onProgress } = this.#options;
    const housekeeping = await Housekeeping.start(this.#cloud);
    const rows = (await fuzzRows()).filter(({ service, method, path }) =>
      only.test(`${service} ${method} ${path}`),
    );
    const ids = new Ids(housekeeping.protectedIds);
    const generator = new Generator(rows, seededRandom(seed), ids);
    let early = 0;
    while (this.#sent < requests) {
      await housekeeping.tidy(ids);
      const size = Math.min(BATCH, requests - this.#sent);
      await this.#batch(
        Array.from({ length: size }, () => generator.next()),
        ids,
      );
      if (early === 0 && this.#sent >= requests / 3) early = await heapMiB();
      if (this.#sent % PROGRESS_EVERY === 0)
        onProgress?.(
          `${this.#sent} requests, ${this.#complaints.size} kinds of complaint, heap ${(await heapMiB()).toFixed(1)} MiB`,
        );
    }
    await housekeeping.tidy(ids);
    return {
      requests: this.#sent,
      byStatus: this.#byStatus,
      byFault: this.#byFault,
      overloaded: this.#overloaded,
      complaints: this.#complaints,
      heapMiB: [early, await heapMiB()],
    };
  }

  /** Several at once, as many as there are connections. */
  async #batch(batch: readonly FuzzRequest[], ids: Ids): Promise<void> {
    const left = [...batch];
    const worker = async (): Promise<void> => {
      for (let each = left.pop(); each !== undefined; each = left.pop()) await this.#one(each, ids);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }

  async #one(fuzzed: FuzzRequest, ids: Ids): Promise<void> {
    const { row, fault, request } = fuzzed;
    this.#sent += 1;
    this.#byFault[fault] = (this.#byFault[fault] ?? 0) + 1;
    const reply = await this.#send(fuzzed);
    if (typeof reply === 'string') return this.#complain(fuzzed, reply);
    this.#byStatus[reply.status] = (this.#byStatus[reply.status] ?? 0) + 1;
    if (reply.status === 503 && /retry-after/i.test(reply.headers)) {
      this.#overloaded += 1;
      return;
    }
    // A head has no body to look at, and a broken line is refused before a service sees it.
    const words = request.method === 'HEAD' ? undefined : complaint(row.service, reply);
    if (words !== undefined) this.#complain(fuzzed, words);
    if (reply.status < 300) ids.learn(request.path, parsed(reply.text));
  }

  #complain({ row, fault, request }: FuzzRequest, words: string): void {
    const kind = `${row.service}: ${words.replaceAll(/[0-9a-f-]{32,}|\d+/g, '#').slice(0, 80)}`;
    const known = this.#complaints.get(kind);
    if (known !== undefined) known.count += 1;
    else
      this.#complaints.set(kind, {
        count: 1,
        first: `${request.method} ${request.path.slice(0, 300)} (${fault}) ${JSON.stringify(request.headers).slice(0, 300)} ${Buffer.from(request.body).subarray(0, 600).toString()}\n  ${words.slice(0, 600)}`,
      });
  }

  /** The reply, or why there was none. */
  #send({ as, request }: FuzzRequest): Promise<RawReply | string> {
    const { method, path, body } = request;
    const bytes = Buffer.from(body);
    const headers = {
      'x-auth-token': this.#cloud[as].token,
      ...(bytes.length === 0 ? {} : { 'content-length': String(bytes.length) }),
      ...request.headers,
    };
    return new Promise((done) => {
      const { hostname, port } = new URL(this.#cloud.admin.url);
      const options = { agent: this.#agent, hostname, port, method, path, headers };
      const call = httpRequest(options, (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('end', () => done(rawReply(reply, Buffer.concat(chunks))));
        reply.on('error', (error) => done(`the reply broke off: ${error.message}`));
      });
      call.setTimeout(REPLY_WITHIN_MS, () => call.destroy(new Error('no reply in time')));
      call.on('error', (error) => done(`no reply: ${error.message}`));
      call.end(bytes);
    });
  }
}

function rawReply(
  reply: { readonly statusCode?: number | undefined; readonly rawHeaders: readonly string[] },
  body: Buffer,
): RawReply {
  const status = reply.statusCode ?? 0;
  return {
    status,
    headers: `HTTP/1.1 ${status} \r\n${reply.rawHeaders.join(': ')}`,
    text: body.toString(),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Twice, with a turn between: what finalizers free belongs to no request. */
async function heapMiB(): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    collect();
    await new Promise((done) => setImmediate(done));
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / BYTES_PER_MIB;
}
