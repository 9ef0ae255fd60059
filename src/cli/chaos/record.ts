// Every request of the run and what became of it: acknowledged, refused (it changed nothing), or unknown (it may have been
// carried out, or may be yet). An answer that no cloud may give is a violation by itself, whatever follows.
import type { ApiReply } from './api-client.ts';

export type Verdict = 'acknowledged' | 'refused' | 'unknown';

export interface Asked {
  /** For people: `create`, `os-stop` … */
  readonly what: string;
  /** What it is about: a server's id, a name. */
  readonly subject: string;
  /** Of the controller that was asked. */
  readonly url: string;
  /** Asks for no change; counted apart. */
  readonly isRead?: boolean;
  /** Refusals that make no sense here: nobody else touches what the users own. */
  readonly never?: readonly number[];
}

export interface Noted {
  readonly verdict: Verdict;
  readonly requestId: string;
  /** Undefined when there was no answer. */
  readonly reply: ApiReply | undefined;
}

/** A 503 that promises this leaves nothing behind (src/api/passing-trouble.ts). */
const PROMISES_NO_EFFECT = /can't do this now|is busy|can't be told/;
const MOST_WRONG = 100;

export class Record {
  /** Changes, as the two that follow. */
  acknowledged = 0;
  refused = 0;
  unknown = 0;
  reads = 0;
  /** In words, with the request's id; no more than a hundred are kept. */
  readonly wrong: string[] = [];
  readonly #write: (line: string) => void;

  /** Hears one line of JSON per request. */
  constructor(write: (line: string) => void = () => undefined) {
    this.#write = write;
  }

  answered(asked: Asked, reply: ApiReply): Noted {
    const { status, requestId, body } = reply;
    const verdict = verdictOf(status, body);
    const isWrong = (status >= 500 && status !== 503) || (asked.never ?? []).includes(status);
    if (isWrong)
      this.violated(
        `${asked.what} of ${asked.subject} was answered ${status} (${requestId}, ${asked.url}): ${JSON.stringify(body)}`,
      );
    return this.#note(asked, { verdict, requestId, reply }, { status });
  }

  /** There was no answer. A connection that was never made carried no request. */
  broken(asked: Asked, error: unknown): Noted {
    const verdict = isUnconnected(error) ? 'refused' : 'unknown';
    const noted: Noted = { verdict, requestId: '', reply: undefined };
    return this.#note(asked, noted, { reason: reasonOf(error) });
  }

  violated(words: string): void {
    if (this.wrong.length < MOST_WRONG) this.wrong.push(words);
  }

  #note(asked: Asked, noted: Noted, more: object): Noted {
    if (asked.isRead === true) this.reads += 1;
    else this[noted.verdict] += 1;
    const { what, subject, url } = asked;
    const { verdict, requestId } = noted;
    this.#write(
      JSON.stringify({ at: Date.now(), what, subject, url, verdict, requestId, ...more }),
    );
    return noted;
  }
}

export function verdictOf(status: number, body: unknown): Verdict {
  if (status < 300) return 'acknowledged';
  if (status < 500) return 'refused';
  return status === 503 && PROMISES_NO_EFFECT.test(JSON.stringify(body)) ? 'refused' : 'unknown';
}

/** Nothing listened: the request was never sent. */
export function isUnconnected(error: unknown): boolean {
  return reasonOf(error) === 'ECONNREFUSED';
}

/** What fetch met: the system's code if it has one. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as { readonly code?: string } | undefined;
  return cause?.code ?? error.name;
}
