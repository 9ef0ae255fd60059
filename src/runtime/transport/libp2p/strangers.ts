// The protocol by which a new member asks to be admitted: a stream of its own, one small question, one answer, and the
// connection ends. It works for peers, too, since a newcomer whose answer was lost asks again.
import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface';

import type { Env } from '../../env/env.ts';
import { Framer } from '../framer.ts';
import { TransportFault, type Message } from '../port.ts';
import {
  decodeQuestion,
  decodeStrangerAnswer,
  encodeQuestion,
  encodeStrangerAnswer,
  encodeStrangerRefusal,
  strangerBytes,
} from '../stranger-frames.ts';
import type { WireHost } from '../wire.ts';
import { wordsOf } from '../words.ts';

export const joinProtocol = '/kilonova/join/1';

/** From the connection to the end of the answer. */
export const strangerMs = 10_000;

export interface AnswerOptions {
  readonly env: Env;
  readonly host: WireHost;
  readonly stream: Stream;
  readonly connection: Connection;
}

/** Answers one question on the stream; resolves when the answer is on its way. */
export async function answerStranger(options: AnswerOptions): Promise<void> {
  const { env, host, stream, connection } = options;
  const answer = host.stranger();
  if (answer === undefined) throw new Error('strangers get no answer here');
  const frame = await readFrame(env, stream, strangerMs);
  const from = connection.remotePeer.toString();
  let reply: Uint8Array;
  try {
    reply = encodeStrangerAnswer(await answer({ ...decodeQuestion(frame), from, lane: 'control' }));
  } catch (cause) {
    reply = encodeStrangerRefusal(wordsOf(cause));
  }
  stream.send(reply);
}

/** Asks one question on a new stream of the connection. */
export async function askOnce(
  env: Env,
  connection: Connection,
  message: Message,
  asked: { readonly deadlineMs: number; readonly signal: AbortSignal },
): Promise<unknown> {
  const question = encodeQuestion(message);
  const stream = await connection.newStream(joinProtocol, { signal: asked.signal });
  const frame = readFrame(env, stream, asked.deadlineMs);
  try {
    stream.send(question);
  } catch (cause) {
    env.log.debug({ err: cause }, 'a question could not be sent');
  }
  return decodeStrangerAnswer(await frame);
}

function readFrame(env: Env, stream: Stream, withinMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const cancel = env.timers.after(withinMs, () =>
      reject(new TransportFault('timeout', `no answer within ${withinMs} ms`)),
    );
    const framer = new Framer({
      leastBytes: 1,
      mostBytes: strangerBytes,
      onFrame: (frame) => {
        cancel();
        resolve(frame);
      },
    });
    stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
      try {
        framer.push(data.subarray());
      } catch (cause) {
        cancel();
        stream.abort(new Error(wordsOf(cause)));
        reject(new TransportFault('refused', wordsOf(cause), { cause }));
      }
    });
    stream.addEventListener('close', () => {
      cancel();
      reject(
        new TransportFault('disconnected', 'the other side closed the stream without an answer'),
      );
    });
  });
}
