// Settles every promise that can be settled now, without a turn of Node's event loop: a turn costs more than most
// tasks of a simulation, and there are thousands of tasks. Node ends each of its own callbacks this way.

/** What Node runs after each of its callbacks: promises, next ticks, and the report of rejections nobody handles. */
const settleNow = Reflect.get(process, '_tickCallback') as (() => void) | undefined;
if (settleNow === undefined)
  throw new Error('this Node has no process._tickCallback to settle promises with');

const { setImmediate: realSetImmediate } = globalThis;

/** Only outside of promise callbacks, as in `outsidePromises`: inside of one it does nothing. */
export function settlePromises(): void {
  settleNow?.call(process);
}

/** Runs `work` where `settlePromises` works, and gives what it gives. */
export function outsidePromises<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    realSetImmediate(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error);
      }
    });
  });
}
