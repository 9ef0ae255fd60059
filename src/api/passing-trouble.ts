// Trouble that passes, in every service: a full mailbox, an owner that is moving, a store that is away. It becomes 503
// with Retry-After in the service's own form, and is no error in the log: there may be thousands of them per second.
import type { FastifyRequest } from 'fastify';
import { JournalFault } from '#runtime/journal/port.ts';
import { isRuntimeFault } from '#runtime/system/faults.ts';
import { TransportFault } from '#runtime/transport/port.ts';
import type { Env } from '#runtime/env/env.ts';

export interface PassingTrouble {
  readonly status: 503;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

const RETRY_LATER = { 'retry-after': '1' } as const;

/** What to answer; undefined if the error is none that passes. */
export function passingTrouble(
  error: unknown,
  request: FastifyRequest,
  { log }: Pick<Env, 'log'>,
): PassingTrouble | undefined {
  const outcome = outcomeOf(error);
  if (outcome === undefined) return undefined;
  const { requestId, url } = request;
  // Refusals of the front door itself are counted elsewhere, and are many.
  log.debug({ err: error, requestId, url }, 'a request was answered 503');
  const message =
    outcome === 'unknown'
      ? `The service did not answer in time, or its store is away: it is not known whether the request was carried out. Look before you try again. Request id: ${requestId}.`
      : busyWords(requestId);
  return { status: 503, message, headers: RETRY_LATER };
}

/** Nothing has been done, and it may be tried again. */
export function busyWords(requestId: string): string {
  return `The service can't do this now; please try again in a moment. Request id: ${requestId}.`;
}

export function isPassing(error: unknown): boolean {
  return outcomeOf(error) !== undefined;
}

/** Instead of "there is none": what others have made since may not be known here while the store is away. */
export function doubtfulAbsence(request: FastifyRequest): PassingTrouble {
  const message = `The store is away, so that it can't be told whether there is such a thing; please try again in a moment. Request id: ${request.requestId}.`;
  return { status: 503, message, headers: RETRY_LATER };
}

/** `none`: the command that failed had no effect. `unknown`: it may have one. Undefined: trouble that does not pass. */
function outcomeOf(error: unknown): 'none' | 'unknown' | undefined {
  if (isRuntimeFault(error)) {
    if (!error.retryable) return undefined;
    return error.code === 'timeout' || error.code === 'unavailable' ? 'unknown' : 'none';
  }
  if (error instanceof TransportFault) {
    if (error.code === 'refused') return undefined;
    return error.isOutcomeUnknown ? 'unknown' : 'none';
  }
  if (error instanceof JournalFault && error.retryable)
    return error.code === 'unavailable' ? 'unknown' : 'none';
  return undefined;
}
