// A whole cloud whose every refusal is watched: its form is the service's, and it has written nothing to the journal.
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { complaint, type ServiceName } from './envelopes.ts';
import { type RawReply, type RawRequest, WholeCloud } from './whole-cloud.ts';

const SETTLES_WITHIN_MS = 10_000;

export class WatchedCloud {
  readonly cloud: WholeCloud;
  #mark = '';
  #position = 0;
  /** How many requests were refused and how many were taken, so that a test can see that it tests both. */
  readonly counts = { refused: 0, taken: 0 };

  private constructor(cloud: WholeCloud) {
    this.cloud = cloud;
  }

  static async start(): Promise<WatchedCloud> {
    const watched = new WatchedCloud(await WholeCloud.start());
    await watched.settle();
    return watched;
  }

  stop(): Promise<void> {
    return this.cloud.stop();
  }

  /** Nothing is under way any more; what was written until now counts as wanted. */
  async settle(): Promise<void> {
    await restingServers(this.cloud.demo, SETTLES_WITHIN_MS);
    await restingServers(this.cloud.admin, SETTLES_WITHIN_MS);
    this.#mark = this.cloud.journalMark();
    this.#position = this.cloud.eventsSince(this.#position).end;
  }

  /** As that user, with JSON unless the headers say otherwise. Throws if the reply, or what it left, is wrong. */
  async send(
    service: ServiceName,
    request: RawRequest & { readonly as?: 'admin' | 'demo' },
  ): Promise<RawReply> {
    const { as = 'admin', headers, ...rest } = request;
    const reply = await this.cloud.send({
      ...rest,
      headers: {
        'x-auth-token': this.cloud[as].token,
        'content-type': 'application/json',
        ...headers,
      },
    });
    const what = `${request.method ?? 'GET'} ${request.path.slice(0, 200)}`;
    const words = complaint(service, reply);
    if (words !== undefined) throw new Error(`${what}: ${words}`);
    await this.#checkLeft(reply, what);
    return reply;
  }

  async #checkLeft(reply: RawReply, what: string): Promise<void> {
    const isRefused = reply.status >= 400;
    this.counts[isRefused ? 'refused' : 'taken'] += 1;
    const mark = this.cloud.journalMark();
    if (mark === this.#mark) return;
    if (!isRefused) return this.settle();
    const { events, end } = this.cloud.eventsSince(this.#position);
    this.#mark = mark;
    this.#position = end;
    if (events.length > 0)
      throw new Error(`${what} was refused with ${reply.status}, but wrote ${events.join(', ')}`);
  }
}
