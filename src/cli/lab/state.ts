// What is remembered of a lab between two commands, in its directory: what it is made of, which processes hold its
// namespaces, and what is cut. Written before the thing is made, so that whatever was made can be taken away again.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTicksOf } from '../run-file.ts';
import { type Cut, directoriesOf, type Lab } from './plan.ts';

/** The first process of a machine's namespaces: they last as long as it does. */
export interface Init {
  readonly pid: number;
  readonly startTicks: string;
}

export function findLab(directory: string): Lab | undefined {
  return read(join(directory, 'lab.json')) as Lab | undefined;
}

/** Throws in words if there is none. */
export function loadLab(directory: string): Lab {
  const lab = findLab(directory);
  if (lab !== undefined) return lab;
  throw new Error(
    `there is no lab in ${directory}: make one with ./kilonova lab up, or name its directory with --data`,
  );
}

export function saveLab(lab: Lab): void {
  mkdirSync(lab.directory, { recursive: true, mode: 0o755 });
  write(join(lab.directory, 'lab.json'), lab);
}

/** Undefined when the machine is off. */
export function initOf(lab: Lab, name: string): Init | undefined {
  const init = read(initPath(lab, name)) as Init | undefined;
  return init !== undefined && isLiving(init) ? init : undefined;
}

export function saveInit(lab: Lab, name: string, init: Init): void {
  write(initPath(lab, name), init);
}

export function isLiving({ pid, startTicks }: Init): boolean {
  return startTicksOf(pid) === startTicks && stateOf(pid) !== 'Z';
}

/** Of proc(5): R, S, T for stopped, Z for ended and not yet waited for …; undefined if there is no such process. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
  } catch {
    return undefined;
  }
}

export function readCuts(lab: Lab): readonly Cut[] {
  return (read(join(lab.directory, 'cuts.json')) ?? []) as readonly Cut[];
}

export function saveCuts(lab: Lab, cuts: readonly Cut[]): void {
  write(join(lab.directory, 'cuts.json'), cuts);
}

/** All files of the lab; nothing may run in it any more. */
export function removeLab(lab: Lab): void {
  rmSync(lab.directory, { recursive: true, force: true });
}

function initPath(lab: Lab, name: string): string {
  return join(directoriesOf(lab, name).outside, 'init.json');
}

/** What one of these files says; undefined if it is not there. */
function read(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

function write(path: string, value: object): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(value, undefined, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}
