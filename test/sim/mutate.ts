// Plants a fault in production code while Node loads it, so that production code has no switch for it. The exact text
// must be found once, or the mutant is out of date and says so.
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mutants } from './mutants.ts';

const root = join(import.meta.dirname, '../..');

export function plantMutant(name: string): void {
  const mutant = mutants[name];
  if (mutant === undefined)
    throw new Error(`there is no mutant ${name}; there are ${Object.keys(mutants).join(', ')}`);
  const { file, text, by } = mutant;
  const url = pathToFileURL(join(root, file)).href;
  registerHooks({
    load: (asked, context, next) => {
      const loaded = next(asked, context);
      if (asked !== url) return loaded;
      const source = textOf(loaded.source);
      const [before, ...after] = source.split(text);
      if (after.length !== 1)
        throw new Error(`mutant ${name}: its text is in ${file} ${after.length} times, not once`);
      return { ...loaded, source: `${before}${by}${after[0]}` };
    },
  });
}

function textOf(source: unknown): string {
  if (typeof source === 'string') return source;
  return new TextDecoder().decode(source as Uint8Array);
}
