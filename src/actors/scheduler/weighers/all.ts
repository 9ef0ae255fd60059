// The weighers in force.
import { cpuWeigher } from './cpu.ts';
import { diskWeigher } from './disk.ts';
import { ramWeigher } from './ram.ts';
import type { Weigher } from './weigher.ts';

export const allWeighers: readonly Weigher[] = [ramWeigher, cpuWeigher, diskWeigher];
