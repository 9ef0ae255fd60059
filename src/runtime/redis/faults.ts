// What Redis answers when it does not do what it was asked, as the fault that the caller hears. Codes of replies:
// redis.io/docs/latest/develop/reference/protocol-spec (errors), redis.conf (maxmemory, stop-writes-on-bgsave-error).
import { JournalFault, type JournalFaultCode } from '../journal/port.ts';

interface Meaning {
  readonly code: JournalFaultCode;
  /** What to do, for people. */
  readonly mend: string;
  /** This server is not, or no longer, the one to talk to: look for the one that is. */
  readonly endsConnection?: boolean;
}

const meanings: Readonly<Record<string, Meaning>> = {
  OOM: { code: 'full', mend: 'raise its maxmemory or free some; nothing was stored' },
  MISCONF: { code: 'full', mend: 'it can’t write its files: look at its log and its disk' },
  NOREPLICAS: { code: 'unavailable', mend: 'bring its replicas back (min-replicas-to-write)' },
  READONLY: { code: 'unavailable', mend: 'it is a replica now', endsConnection: true },
  LOADING: { code: 'unavailable', mend: 'it is reading its files', endsConnection: true },
  MASTERDOWN: { code: 'unavailable', mend: 'it is a replica now', endsConnection: true },
  CLUSTERDOWN: { code: 'unavailable', mend: 'look at CLUSTER INFO' },
  TRYAGAIN: { code: 'unavailable', mend: 'the slot is moving' },
  MOVED: { code: 'unavailable', mend: 'the slot is served by another node', endsConnection: true },
  ASK: { code: 'unavailable', mend: 'the slot is moving to another node', endsConnection: true },
  BUSY: { code: 'unavailable', mend: 'a script of somebody else holds it' },
  WRONGTYPE: { code: 'corrupt', mend: 'somebody else has written to its keys' },
  DAMAGED: { code: 'corrupt', mend: 'its data were changed by somebody else' },
  NOAUTH: { code: 'unavailable', mend: 'put user and password into its address' },
  WRONGPASS: { code: 'unavailable', mend: 'mend user and password in its address' },
  NOPERM: { code: 'unavailable', mend: 'its user needs FCALL, XREAD, INFO, CONFIG GET, FUNCTION' },
  // Our functions are gone: the data were flushed, or are older than the library. Connecting loads it.
  'ERR Function not found': { code: 'unavailable', mend: 'ask again', endsConnection: true },
};

/** True when the server answered; otherwise the connection failed. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

export function faultOf(error: unknown, label: string): JournalFault {
  if (error instanceof JournalFault) return error;
  if (!isReply(error)) {
    const message = `Redis ${label} can’t be reached; what was asked of it may have taken effect`;
    return new JournalFault('unavailable', message, { cause: error });
  }
  const { code, mend } = meaningOf(error.message) ?? {
    code: 'unavailable' as const,
    mend: 'look at its log',
  };
  return new JournalFault(code, `Redis ${label} answered '${error.message}': ${mend}`, {
    cause: error,
  });
}

export function endsConnection(error: unknown): boolean {
  return isReply(error) && meaningOf(error.message)?.endsConnection === true;
}

function meaningOf(message: string): Meaning | undefined {
  const [name = ''] = message.split(' ', 1);
  // A function that fails names its script after the error's own words.
  const known = meanings[name] ?? meanings[message.split(/[:.]/, 1)[0] ?? ''];
  return known ?? Object.entries(meanings).find(([code]) => message.includes(`-${code} `))?.[1];
}
