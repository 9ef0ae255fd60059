// The bench's load generator, a process of its own, so that it takes nothing from the server's thread: creates at a
// concurrency (closed loop) or at a rate, whatever becomes of them (open loop). Prints what came back as one line of JSON.
import { CREATE_PATH } from './bench-cloud.ts';
import { Connection } from './http.ts';
import { quantile } from './table.ts';

export interface LoadOrder {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a create; its name is replaced. */
  readonly body: object;
  readonly forMs: number;
  readonly connections: number;
  /** Requests per second; absent: as many as the connections carry, one at a time each. */
  readonly rate?: number;
}

export interface LoadReport {
  readonly accepted: number;
  readonly refused: number;
  /** Of the refused, those that said when to come again. */
  readonly saidWhen: number;
  /** Answered with anything else, or not at all. */
  readonly failed: number;
  /** Due while all connections were waiting for answers. */
  readonly unsent: number;
  readonly seconds: number;
  readonly acceptedP50Ms: number;
  readonly acceptedP99Ms: number;
  readonly refusedP50Ms: number;
  readonly refusedP99Ms: number;
}

/** In a closed loop, who is refused waits so long. */
const AGAIN_AFTER_MS = 100;
const NAME_DIGITS = 7;
const NAME = `load-${'0'.repeat(NAME_DIGITS)}`;

class Load {
  readonly #order: LoadOrder;
  readonly #accepted: number[] = [];
  readonly #refused: number[] = [];
  #saidWhen = 0;
  #failed = 0;
  #unsent = 0;
  #sent = 0;
  /** All that are sent, but for the name. */
  readonly #request: string;

  constructor(order: LoadOrder) {
    this.#order = order;
    this.#request = requestText(order);
  }

  async run(): Promise<LoadReport> {
    const { url, connections, rate, forMs } = this.#order;
    const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(url)));
    const startMs = performance.now();
    const endMs = startMs + forMs;
    if (rate === undefined) await Promise.all(open.map((one) => this.#keepBusy(one, endMs)));
    else await this.#atRate(open, { rate, startMs, endMs });
    const seconds = (performance.now() - startMs) / 1000;
    for (const one of open) one.close();
    return {
      accepted: this.#accepted.length,
      refused: this.#refused.length,
      saidWhen: this.#saidWhen,
      failed: this.#failed,
      unsent: this.#unsent,
      seconds,
      acceptedP50Ms: timeOf(this.#accepted, 0.5),
      acceptedP99Ms: timeOf(this.#accepted, 0.99),
      refusedP50Ms: timeOf(this.#refused, 0.5),
      refusedP99Ms: timeOf(this.#refused, 0.99),
    };
  }

  async #keepBusy(connection: Connection, endMs: number): Promise<void> {
    while (performance.now() < endMs)
      if ((await this.#one(connection)) === 503)
        await new Promise((done) => setTimeout(done, AGAIN_AFTER_MS));
  }

  async #atRate(
    free: Connection[],
    { rate, startMs, endMs }: { rate: number; startMs: number; endMs: number },
  ): Promise<void> {
    const under = new Set<Promise<unknown>>();
    let due = 0;
    for (let nowMs = startMs; nowMs < endMs; nowMs = performance.now()) {
      for (; due < ((nowMs - startMs) * rate) / 1000; due += 1) {
        const connection = free.pop();
        if (connection === undefined) {
          this.#unsent += 1;
          continue;
        }
        const one: Promise<unknown> = this.#one(connection).finally(() => {
          under.delete(one);
          free.push(connection);
        });
        under.add(one);
      }
      await new Promise((done) => setTimeout(done, 1));
    }
    await Promise.all(under);
  }

  /** The reply's status. */
  async #one(connection: Connection): Promise<number> {
    this.#sent += 1;
    const name = `load-${String(this.#sent).padStart(NAME_DIGITS, '0')}`;
    const text = this.#request.replace(NAME, name);
    const startMs = performance.now();
    const reply = await connection.sendText(text);
    const tookMs = performance.now() - startMs;
    if (reply.status === 202) this.#accepted.push(tookMs);
    else if (reply.status === 503) {
      this.#refused.push(tookMs);
      if (/\r\nretry-after: *\d+/i.test(reply.headers)) this.#saidWhen += 1;
    } else this.#failed += 1;
    return reply.status;
  }
}

/** Made once: what the generator costs, the server on the same machine lacks. */
function requestText({ url, headers, body }: LoadOrder): string {
  const server = { ...(body as { readonly server: object }).server, name: NAME };
  const payload = JSON.stringify({ server });
  const all = {
    host: new URL(url).host,
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${CREATE_PATH} HTTP/1.1\r\n${lines.join('')}\r\n${payload}`;
}

/** Zero for none: JSON knows no NaN. */
const timeOf = (times: readonly number[], part: number): number =>
  times.length === 0 ? 0 : quantile(times, part);

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder;
process.stdout.write(`${JSON.stringify(await new Load(order).run())}\n`);
