// Runs the handler for what one peer sends, and sends back what it returns or why it failed: every question gets an
// answer or a refusal. A peer with too much in hand is told so at once; its tells are then dropped.
import type { Env } from '../env/env.ts';
import type { MemberId } from '../membership/store.ts';
import { encodeAnswer, encodeRefusal } from './items.ts';
import type { Lane, Message, MessageHandler, Received } from './port.ts';
import { wordsOf } from './words.ts';

/** Characters of a reason that go over the wire. */
const mostWords = 4096;

export interface AnswersOptions {
  readonly env: Env;
  readonly peer: MemberId;
  /** Messages that the handler may have in hand. */
  readonly most: number;
  readonly handler: MessageHandler;
  readonly send: (lane: Lane, item: Uint8Array) => 'sent' | 'full' | 'too-large' | 'over';
}

export class Answers {
  readonly #options: AnswersOptions;
  #inHand = 0;
  #dropped = 0;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  tell(lane: Lane, message: Message): void {
    const { most, env, peer } = this.#options;
    if (this.#inHand >= most) {
      this.#dropped += 1;
      if (this.#dropped === 1)
        env.log.warn(
          { peer, type: message.type, most },
          'messages of a peer are dropped: too many of them are in hand',
        );
      return;
    }
    const failed = (cause: unknown): void => {
      env.log.error({ peer, type: message.type, err: cause }, 'a message of a peer failed');
    };
    try {
      const result = this.#handle(lane, message);
      if (isThenable(result)) this.#follow(result, () => undefined, failed);
    } catch (cause) {
      failed(cause);
    }
  }

  ask(lane: Lane, id: number, message: Message): void {
    const { most, send } = this.#options;
    if (this.#inHand >= most) {
      send(lane, encodeRefusal(id, 'overloaded', `${most} messages of yours are in hand here`));
      return;
    }
    const refuse = (cause: unknown): void => this.#refuse(lane, id, cause);
    try {
      const result = this.#handle(lane, message);
      if (!isThenable(result)) this.#answer(lane, id, result);
      else this.#follow(result, (value) => this.#answer(lane, id, value), refuse);
    } catch (cause) {
      refuse(cause);
    }
  }

  #handle(lane: Lane, message: Message): unknown {
    const received: Received = { ...message, from: this.#options.peer, lane };
    return this.#options.handler(received);
  }

  #follow(
    result: PromiseLike<unknown>,
    done: (value: unknown) => void,
    failed: (cause: unknown) => void,
  ): void {
    this.#inHand += 1;
    const finish = async (): Promise<void> => {
      try {
        done(await result);
      } catch (cause) {
        failed(cause);
      } finally {
        this.#inHand -= 1;
      }
    };
    void finish();
  }

  #answer(lane: Lane, id: number, value: unknown): void {
    const outcome = this.#options.send(lane, encodeAnswer(id, value));
    if (outcome === 'too-large')
      this.#refuse(lane, id, new Error(`the answer is larger than a frame of the ${lane} lane`));
    if (outcome === 'full') this.#refuse(lane, id, new Error('too many answers wait to be sent'));
  }

  /** If not even the refusal can be sent, the asker's deadline ends its wait. */
  #refuse(lane: Lane, id: number, cause: unknown): void {
    const text = wordsOf(cause).slice(0, mostWords);
    const outcome = this.#options.send(lane, encodeRefusal(id, 'refused', text));
    if (outcome === 'full')
      this.#options.env.log.warn(
        { peer: this.#options.peer, lane },
        'an answer was dropped: the peer takes none',
      );
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
