// Looks at a live migration's copy while it is under way, and tells how far it is, at a bounded rate. Neither QEMU nor a link
// says that a source is gone: one that is silent for too long is not waited for.
import type { Env } from '#runtime/env/env.ts';
import { NodeFault, type NodeReport } from '#actors/node/protocol.ts';
import type { CopyProgress } from './handover.ts';

export interface CopyWatch {
  readonly env: Pick<Env, 'clock' | 'timers'>;
  readonly host: string;
  /** Asks the source; each look has another name. */
  readonly look: (lookId: string) => Promise<NodeReport>;
  readonly tell: (progress: CopyProgress) => Promise<void>;
}

/** How often the copy is looked at, and told of. */
const PROGRESS_MS = 5_000;
/** A source that says nothing of its copy for as long is not waited for. */
const SILENT_MS = 60_000;

/** The copy's own end; rejects with NodeFault timeout if the source is silent before. */
export async function watchCopy(
  copying: Promise<NodeReport>,
  watch: CopyWatch,
): Promise<NodeReport> {
  const end = new AbortController();
  const silent = silence(watch, end.signal);
  try {
    return await Promise.race([copying, silent]);
  } finally {
    end.abort();
    // Of the two, one is not waited for any more.
    silent.catch(() => undefined);
    copying.catch(() => undefined);
  }
}

function silence({ env, host, look, tell }: CopyWatch, over: AbortSignal): Promise<never> {
  const { clock, timers } = env;
  return new Promise<never>((_, reject) => {
    let heardMs = clock.monotonic();
    let told = '';
    const lookOnce = async (): Promise<void> => {
      try {
        const now = progressOf(await look(`${clock.monotonic()}`));
        heardMs = clock.monotonic();
        const text = JSON.stringify(now);
        if (now !== undefined && text !== told && !over.aborted) await tell(now);
        told = text;
      } catch (error) {
        if (clock.monotonic() - heardMs >= SILENT_MS) return reject(silentFault(host, error));
      }
      lookLater();
    };
    const lookLater = (): void => {
      if (over.aborted) return;
      const cancel = timers.after(PROGRESS_MS, () => {
        over.removeEventListener('abort', cancel);
        void lookOnce();
      });
      over.addEventListener('abort', cancel, { once: true });
    };
    lookLater();
  });
}

function progressOf({ handover }: NodeReport): CopyProgress | undefined {
  if (handover?.progress === undefined) return undefined;
  const {
    memoryTotalBytes,
    memoryProcessedBytes,
    memoryRemainingBytes,
    diskTotalBytes,
    diskProcessedBytes,
    diskRemainingBytes,
  } = handover.progress;
  return {
    memoryTotalBytes,
    memoryProcessedBytes,
    memoryRemainingBytes,
    diskTotalBytes,
    diskProcessedBytes,
    diskRemainingBytes,
  };
}

function silentFault(host: string, cause: unknown): NodeFault {
  const message = `host ${host} has said nothing of the copy for ${SILENT_MS / 1_000} s`;
  return new NodeFault('timeout', message, { retryable: true, cause });
}
