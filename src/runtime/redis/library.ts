// Our functions inside Redis: one library made of the .lua files here. Its name carries a digest of its text, so that
// members of two releases can work side by side during an upgrade, each with the functions that it was written for.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const body = ['journal.lua', 'membership.lua']
  .map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  .join('\n');

const name = `kilonova_${createHash('sha256').update(body).digest('hex').slice(0, 12)}`;

const head = `#!lua name=${name}
local function register(name, callback, isRead)
  redis.register_function{
    function_name = '${name}_' .. name, callback = callback, flags = isRead and { 'no-writes' } or {}
  }
end
`;

/** For FUNCTION LOAD REPLACE. */
export const libraryText = `${head}${body}`;

/** Every function takes one key, the root of all keys of the cell: FCALL name 1 root …. */
export function functionName(short: string): string {
  return `${name}_${short}`;
}
