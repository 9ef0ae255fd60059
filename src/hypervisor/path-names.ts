// Ids and names that become parts of paths, device names or configuration lines are checked here first,
// so that nothing from outside can leave its directory or add a line. A refusal is an assertion: callers pass ids they made.

import { HypervisorFault } from './port.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const fileStem = /^[a-z0-9][a-z0-9_.-]{0,63}$/;

export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** @returns `id` itself. @throws {HypervisorFault} `failed` when it is no lower-case UUID. */
export function checkUuid(id: string, what: string): string {
  if (isUuid(id)) return id;
  throw new HypervisorFault('failed', `${what} ${JSON.stringify(id.slice(0, 80))} is not a UUID`);
}

/** @returns `name` itself. @throws {HypervisorFault} `failed` unless it is a short, plain, lower-case file name. */
export function checkFileStem(name: string, what: string): string {
  if (fileStem.test(name)) return name;
  throw new HypervisorFault(
    'failed',
    `${what} ${JSON.stringify(name.slice(0, 80))} is not a plain name`,
  );
}

const runName = /^run-([1-9][0-9]{0,15})$/;

/** Name of the link through which what runs under a run-epoch reaches its guest's files. */
export function runLinkName(runEpoch: number): string {
  if (Number.isSafeInteger(runEpoch) && runEpoch > 0) return `run-${runEpoch}`;
  throw new HypervisorFault('failed', `${runEpoch} is no run-epoch`);
}

/** The run-epoch that a link of `runLinkName` is for; undefined for any other name. */
export function runEpochOf(name: string): number | undefined {
  const found = runName.exec(name);
  return found === null ? undefined : Number(found[1]);
}
