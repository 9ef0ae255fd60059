// What the contract of transports needs of an adapter: members to start, and ways to wait, on virtual or on real time.
import type { Log } from '#runtime/env/env.ts';
import type { TransportLimits } from '#runtime/transport/limits.ts';
import {
  TransportFault,
  type LinkEvent,
  type Message,
  type Peer,
  type Received,
  type Transport,
} from '#runtime/transport/port.ts';

export interface StartOptions {
  readonly incarnation?: number;
  /** False: it has no address. */
  readonly isListening?: boolean;
  readonly limits?: Partial<TransportLimits>;
  /** Default: answers with the body. */
  readonly handler?: (message: Received) => unknown;
}

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface StartedMember {
  readonly transport: Transport;
  /** What its handler was given. */
  readonly heard: readonly Received[];
  readonly events: readonly LinkEvent[];
  readonly log: readonly LogLine[];
}

export interface TransportSubject {
  /** A name always stands for the same identity. A new start with a name that runs is another process with its key. */
  start(name: string, options?: StartOptions): Promise<StartedMember>;
  /** The id behind a name, whether it runs or not. */
  idOf(name: string): string;
  until(condition: () => boolean, what: string): Promise<void>;
  complete<T>(promise: Promise<T>, what: string): Promise<T>;
}

/** Wraps what an adapter's suite started; the adapter then only makes transports. */
export function watch(
  transport: Transport,
  log: readonly LogLine[],
  handler: (message: Received) => unknown = (message) => message.body,
): StartedMember {
  const heard: Received[] = [];
  const events: LinkEvent[] = [];
  transport.onMessage((message) => {
    heard.push(message);
    return handler(message);
  });
  transport.onLink((event) => void events.push(event));
  return { transport, heard, events, log };
}

export function recordingLog(lines: LogLine[]): Log {
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields: { ...fields }, message });
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}

export const peerOf = ({ transport }: StartedMember): Peer => ({
  id: transport.self,
  addresses: transport.addresses(),
});

export const message = (body: unknown, type = 'test.thing'): Message => ({
  type,
  version: 1,
  body,
});

/** Makes them peers of each other and waits for the link. */
export async function link(
  subject: TransportSubject,
  one: StartedMember,
  other: StartedMember,
): Promise<void> {
  one.transport.setPeers([peerOf(other)]);
  other.transport.setPeers([peerOf(one)]);
  await linked(subject, one, other);
}

export async function linked(
  subject: TransportSubject,
  one: StartedMember,
  other: StartedMember,
): Promise<void> {
  await subject.until(
    () =>
      one.transport.isConnected(other.transport.self) &&
      other.transport.isConnected(one.transport.self),
    'the link between two members',
  );
}

/** The fault that a promise rejects with. */
export async function faultOf(promise: Promise<unknown>): Promise<TransportFault> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (cause: unknown) => cause,
  );
  if (outcome instanceof TransportFault) return outcome;
  throw new Error(`no TransportFault but ${JSON.stringify(outcome)}`, { cause: outcome });
}
