// What each answer means: acknowledged, refused without effect, or unknown; and which answers no cloud may give.
import { describe, expect, it } from 'vitest';
import type { ApiReply } from '#cli/chaos/api-client.ts';
import { Record, type Verdict } from '#cli/chaos/record.ts';

const asked = { what: 'create', subject: 's-1', url: 'http://one', never: [404] };
const reply = (status: number, message = ''): ApiReply => ({
  status,
  requestId: 'req-1',
  isStale: false,
  body: { computeFault: { code: status, message } },
});

describe('an answer', () => {
  it.each<[number, string, Verdict]>([
    [202, '', 'acknowledged'],
    [204, '', 'acknowledged'],
    [409, 'busy', 'refused'],
    [503, "The service can't do this now; please try again in a moment.", 'refused'],
    [503, 'The service is busy; try again in a moment.', 'refused'],
    [503, 'it is not known whether the request was carried out.', 'unknown'],
  ])('%d %s is %s, and as it should be', (status, message, verdict) => {
    const record = new Record();
    expect(record.answered(asked, reply(status, message)).verdict).toBe(verdict);
    expect(record.wrong).toEqual([]);
    expect(record[verdict]).toBe(1);
  });

  it.each([500, 502, 504, 404])('%d is a violation, told with its request', (status) => {
    const record = new Record();
    record.answered(asked, reply(status, 'oh'));
    expect(record.wrong).toEqual([
      `create of s-1 was answered ${status} (req-1, http://one): {"computeFault":{"code":${status},"message":"oh"}}`,
    ]);
  });

  it('to a read is counted apart', () => {
    const record = new Record();
    record.answered({ ...asked, isRead: true }, reply(200));
    expect([record.reads, record.acknowledged]).toEqual([1, 0]);
  });
});

describe('no answer', () => {
  it.each<[string, Verdict]>([
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'unknown'],
    ['UND_ERR_SOCKET', 'unknown'],
  ])('by %s is %s', (code, verdict) => {
    const lines: string[] = [];
    const record = new Record((line) => lines.push(line));
    const error = new TypeError('fetch failed', {
      cause: Object.assign(new Error(code), { code }),
    });
    expect(record.broken(asked, error)).toEqual({ verdict, requestId: '', reply: undefined });
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ what: 'create', subject: 's-1', verdict, reason: code }),
    ]);
  });

  it('in time is unknown', () => {
    const record = new Record();
    expect(record.broken(asked, new DOMException('late', 'TimeoutError')).verdict).toBe('unknown');
  });
});
