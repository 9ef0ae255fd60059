// The change to the kernel's start code, on made-up kernels, and the files that modprobe reads.

import { describe, expect, it } from 'vitest';
import { type KernelModule, lowerLoadAddress, moduleIndexes } from '#cli/tiny-image/kernel.ts';

const starts = ['81fb', 'bb', '4881fd', '48c7c5'];
const configured = '00000001';
const lowered = '00002000';

/** A bzImage of one set-up sector: header, then the start code, then the packed kernel. */
function bzImage(startCode: string, packed = '', preferred = 0x100_0000n): Buffer {
  const code = Buffer.from(startCode, 'hex');
  const image = Buffer.alloc(1024);
  image.writeUInt8(1, 0x1f1);
  image.write('HdrS', 0x202);
  image.writeUInt32LE(code.length, 0x248);
  image.writeBigUInt64LE(preferred, 0x258);
  return Buffer.concat([image, code, Buffer.from(packed, 'hex')]);
}

const startCode = (address: string) => starts.map((opcode) => `90${opcode}${address}9090`).join('');

describe('lowerLoadAddress', () => {
  it('changes the four instructions and the preferred address, and nothing else', () => {
    const packed = `bb${configured}81fb${configured}`;
    const image = bzImage(startCode(configured), packed);
    const before = Buffer.from(image);
    expect(lowerLoadAddress(image)).toEqual(bzImage(startCode(lowered), packed, 0x20_0000n));
    expect(image).toEqual(before);
  });

  it.each([
    ['an instruction is missing', bzImage(startCode(configured).replace('4881fd', '4881fe'))],
    ['an instruction occurs twice', bzImage(`${startCode(configured)}bb${configured}`)],
    ['an instruction is only in the packed part', bzImage('90', startCode(configured))],
    ['another address is preferred', bzImage(startCode(configured), '', 0x200_0000n)],
    ['it is no bzImage', Buffer.alloc(4096)],
    ['it is shorter than a header', Buffer.from('HdrS')],
  ])('leaves a kernel alone when %s', (_, image) => {
    expect(lowerLoadAddress(image)).toBeUndefined();
  });
});

describe('moduleIndexes', () => {
  const module = (name: string, dependencies: string[], aliases: string[]): KernelModule => ({
    name,
    dependencies,
    aliases,
    content: Buffer.alloc(0),
  });

  it('lists all that a module needs, the first to be loaded last', () => {
    const modules = [
      module('virtio_ring', [], []),
      module('virtio', ['virtio_ring'], ['virtio-bus']),
      module('failover', [], []),
      module('virtio_net', ['virtio', 'failover'], ['virtio:d00000001v*', 'net-virtio']),
    ];
    expect(moduleIndexes(modules)).toEqual({
      dependencies:
        'virtio_ring.ko:\nvirtio.ko: virtio_ring.ko\nfailover.ko:\n' +
        'virtio_net.ko: failover.ko virtio.ko virtio_ring.ko\n',
      aliases:
        'alias virtio-bus virtio\nalias virtio:d00000001v* virtio_net\nalias net-virtio virtio_net\n',
    });
  });
});
