// Writes a cpio archive in the "newc" form that Linux reads as its initramfs (Documentation/driver-api/early-userspace/
// buffer-format.rst). The same entries give the same bytes: no times, owners or inode numbers of the host get in.

export type CpioEntry =
  | { readonly type: 'directory'; readonly path: string }
  | {
      readonly type: 'file';
      readonly path: string;
      readonly executable: boolean;
      readonly content: Buffer;
    }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

/** Entries in the order in which they are unpacked: a directory before what is in it. Paths have no leading slash. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) =>
    record({ inode: index + 1, mode: modeOf(entry), path: entry.path, content: contentOf(entry) }),
  );
  const trailer = record({ inode: 0, mode: 0, path: 'TRAILER!!!', content: Buffer.alloc(0) });
  return Buffer.concat([...parts, ...trailer]);
}

function modeOf(entry: CpioEntry): number {
  if (entry.type === 'directory') return 0o040755;
  if (entry.type === 'link') return 0o120777;
  return entry.executable ? 0o100755 : 0o100644;
}

function contentOf(entry: CpioEntry): Buffer {
  if (entry.type === 'directory') return Buffer.alloc(0);
  return entry.type === 'link' ? Buffer.from(entry.target) : entry.content;
}

function record(file: { inode: number; mode: number; path: string; content: Buffer }): Buffer[] {
  const name = Buffer.from(`${file.path}\0`);
  const links = 1;
  // inode, mode, uid, gid, links, mtime, size, device major and minor, node major and minor, name length, check
  const fields = [
    file.inode,
    file.mode,
    0,
    0,
    links,
    0,
    file.content.length,
    0,
    0,
    0,
    0,
    name.length,
    0,
  ];
  const header = Buffer.from(
    `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`,
  );
  const head = Buffer.concat([header, name]);
  return [head, padding(head.length), file.content, padding(file.content.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
