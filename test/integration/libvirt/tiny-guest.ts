// The smallest guest that is good for something: a boot sector on a raw disk of 1 MiB. It boots in well under a second
// under TCG and behaves as the contract asks: banner on the serial port, echo, power off at the button, or on request.

import { writeFile } from 'node:fs/promises';

/** A byte that, read from the serial port, makes the guest power itself off. */
export const POWER_OFF_BYTE = 0x04;

const DISK_BYTES = 1_048_576;

/**
 * 16 bit code at 0x7c00. SeaBIOS puts the ACPI power registers at 0x600 (status), 0x602 (enable) and 0x604 (control).
 * Between two looks at the button and the serial port it sleeps until the next timer tick (18 a second).
 */
const BOOT_SECTOR = [
  'fa 31c0 8ed8', // 00: cli; ds = 0
  'b0fe e621 b0ff e6a1', // 05: only the timer may interrupt
  'ba0206 b80001 ef', // 0d: the power button latches only when it is enabled
  'be687c', // 14: si = banner
  'ac 84c0 7405 e82700 ebf6', // 17: write it
  'fb f4 fa', // 21: sti; hlt; cli
  'ba0006 ed a90001 752a', // 24: button pressed: off
  'bafd03 ec a801 74ec', // 2d: nothing came: sleep
  'baf803 ec 3c04 741a', // 35: POWER_OFF_BYTE: off
  '3c12 741f', // 3d: 0x12: hard reset
  'e80200 ebde', // 41: else echo it, and look again
  '88c3 bafd03 ec a820 74f8 88d8 baf803 ee c3', // 46: write al when the port is free
  'ba0406 b80020 ef ebf7', // 57: off: sleep type 0, sleep enable
  'baf90c b006 ee ebf8', // 60: reset through port 0xcf9
  '72656164790d0a00', // 68: GUEST_BANNER
].join(' ');

export async function writeTinyGuest(path: string): Promise<void> {
  const disk = Buffer.alloc(DISK_BYTES);
  disk.write(BOOT_SECTOR.replaceAll(' ', ''), 0, 'hex');
  disk.writeUInt16LE(0xaa55, 510);
  await writeFile(path, disk);
}
