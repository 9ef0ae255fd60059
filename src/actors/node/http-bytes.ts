// Fetches bytes from a controller's HTTP API, from an offset on, and sends some. Patience is the consumer's, who stops a fetch that
// stands still; until the head of the answer is there, it is bounded here.
import type { Env } from '#runtime/env/env.ts';
import type { FetchBytes, SendBytes } from './controller-world.ts';

const HEAD_MS = 30_000;

export function httpBytes(env: Env): FetchBytes {
  return async function* fetchBytes(url, offset) {
    const abort = new AbortController();
    const cancel = env.timers.after(HEAD_MS, () =>
      abort.abort(new Error(`no answer within ${HEAD_MS / 1000} s`)),
    );
    try {
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const answer = await fetch(url, { signal: abort.signal, headers, redirect: 'error' });
      cancel();
      const expected = offset === 0 ? 200 : 206;
      if (answer.status !== expected || answer.body === null)
        throw new Error(`HTTP ${answer.status}, not ${expected}: ${await beginningOf(answer)}`);
      yield* answer.body;
    } finally {
      cancel();
      abort.abort();
    }
  };
}

const MAX_WORDS = 300;

async function beginningOf(answer: Response): Promise<string> {
  return (await answer.text()).slice(0, MAX_WORDS);
}

/** Without an answer for so long after the last byte was taken, it is given up. */
const ANSWER_MS = 120_000;
export function httpUpload(env: Env): SendBytes {
  return async (url, bytes) => {
    const abort = new AbortController();
    const patience = (): (() => void) =>
      env.timers.after(ANSWER_MS, () =>
        abort.abort(new Error(`nothing was taken or answered for ${ANSWER_MS / 1000} s`)),
      );
    let cancel = patience();
    async function* watched(): AsyncGenerator<Uint8Array> {
      for await (const chunk of bytes) {
        cancel();
        cancel = patience();
        yield chunk;
      }
    }
    try {
      const answer = await fetch(url, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: ReadableStream.from(watched()),
        duplex: 'half',
        signal: abort.signal,
        redirect: 'error',
      });
      return { status: answer.status, words: (await answer.text()).slice(0, MAX_WORDS) };
    } finally {
      cancel();
    }
  };
}
