// Asks the process that runs on a data directory, over its socket there (src/api/admin/control-server.ts).
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { controlSocket } from '../control-socket.ts';
import { findRunning } from './run-file.ts';

/** Draining takes as long as the requests in flight. */
const ANSWER_WITHIN_MS = 60_000;

/** The answer's body. Throws in words. */
export async function ask<T>(
  data: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
  const running = findRunning(data);
  if (running === undefined)
    throw new Error(`nothing runs on ${data}: start it with ./kilonova up --data ${data}`);
  const socket = controlSocket(data);
  try {
    const { status, text } = await send({ socketPath: socket.path, method, path, body });
    const answer = JSON.parse(text) as { readonly error?: string };
    if (status !== 200) throw new Error(answer.error ?? `it answered ${status}`);
    return answer as T;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
    throw new Error(
      `the cloud on ${data} is no member of a cluster: it runs in one process. Start one with --redis URL`,
      { cause: error },
    );
  } finally {
    socket.release();
  }
}

/** Each line of an answer that goes on until the process ends, or Ctrl-C does. Throws in words. */
export async function follow(
  data: string,
  path: string,
  onLine: (line: string) => void,
): Promise<void> {
  const socket = controlSocket(data);
  try {
    const reply = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath: socket.path, path }, resolve).on('error', reject).end();
    });
    if (reply.statusCode !== 200) throw new Error(`it answered ${reply.statusCode}`);
    for await (const line of createInterface({ input: reply })) onLine(line);
  } catch (error) {
    throw new Error(
      `nothing can be watched on ${data}: is a controller of a cluster running there?`,
      {
        cause: error,
      },
    );
  } finally {
    socket.release();
  }
}

interface Question {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly body: object | undefined;
}

function send(question: Question): Promise<{ readonly status: number; readonly text: string }> {
  const { socketPath, method, path, body } = question;
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, timeout: ANSWER_WITHIN_MS }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (chunk: string) => {
        text += chunk;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, text }));
      reply.on('error', reject);
    });
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1000} s`)),
    );
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
