// What simulated guests write to their serial port. Pure. The text says plainly that no machine runs.

import type { SimulatedGuest } from './guest.ts';

export interface BootFacts {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly mac: string | undefined;
  /** What DHCP would hand to `mac`. */
  readonly addresses: readonly string[];
}

export type BootText = (facts: BootFacts) => string;

/** The end of a console log that is kept; the real one is bounded by virtlogd. */
export const maxLogLength = 65_536;

export const defaultBootText: BootText = (facts) => {
  const lines = [
    'SeaBIOS (simulated)',
    'Booting from Hard Disk...',
    '[    0.000000] Linux version 6.1.0-simulated (this guest is simulated, no machine runs)',
    '[    0.000000] Command line: root=/dev/vda1 console=ttyS0',
    `[    0.010000] Memory: ${facts.memoryMiB * 1024}K available`,
    `[    0.020000] smp: Brought up 1 node, ${facts.vcpus} CPU${facts.vcpus === 1 ? '' : 's'}`,
    ...networkLines(facts),
    `[    1.000000] ${facts.name}: boot finished`,
    '',
    `${facts.name} login: `,
  ];
  return lines.join('\r\n');
};

function networkLines(facts: BootFacts): readonly string[] {
  if (facts.mac === undefined) return ['[    0.500000] no network interface'];
  const leases = facts.addresses.map((address) => `[    0.800000] eth0: DHCP lease of ${address}`);
  return [`[    0.500000] virtio_net: eth0 ${facts.mac}`, ...leases];
}

/** The whole console log of a guest. `bootText` is what one boot of it writes. */
export function consoleText(guest: SimulatedGuest, bootText: string): string {
  return (guest.log ?? bootText.repeat(guest.boots)).slice(-maxLogLength);
}

/** The guest with `text` written to its serial port. */
export function writeConsole(
  guest: SimulatedGuest,
  bootText: string,
  text: string,
): SimulatedGuest {
  return { ...guest, log: (consoleText(guest, bootText) + text).slice(-maxLogLength) };
}
