// Meddles with the log of a journal in Redis, as bad hardware or a curious person would. A stream's entries can't be
// changed in place, so it is written anew, with the same ids.
import type { Redis } from 'ioredis';

type Row = readonly [
  id: string,
  fields: readonly [a: string, header: string, t: string, text: string],
];

/** Changes the text of the entry that holds event number `version`. */
export async function changeEntry(
  client: Redis,
  cell: string,
  { key, version }: { readonly key: string; readonly version: number },
  change: (text: string) => string,
): Promise<void> {
  const log = `{${cell}}:log`;
  const rows = (await client.xrange(log, '-', '+')) as unknown as readonly Row[];
  let changed = 0;
  await client.del(log);
  for (const [id, [a, header, t, text]] of rows) {
    const [entryKey, first, last] = JSON.parse(header.split(' ').slice(2).join(' ')) as [
      string,
      number,
      number,
    ];
    const isIt = entryKey === key && first < version && version <= last;
    if (isIt) changed += 1;
    await client.xadd(log, id, a, header, t, isIt ? change(text) : text);
  }
  if (changed !== 1) throw new Error(`${key} has no event ${version} to change`);
}
