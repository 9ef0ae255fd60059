// `kilonova policy show` and `policy check`: the rules in force, and whether a policy file is one, without a cloud.
import { resolve } from 'node:path';
import { loadPolicy, type RuleInForce } from '../policy-file.ts';
import type { PolicyArguments } from './arguments.ts';
import { readSettings } from './settings.ts';
import { table } from './table.ts';

/** All rules, or those that have `part` in their name. */
export async function showPolicy(part: string, options: PolicyArguments): Promise<void> {
  const { policyFile } = await readSettings(options);
  const rules = loadPolicy(policyFile).rules.filter(({ name }) => name.includes(part));
  if (rules.length === 0) throw new Error(`no rule has “${part}” in its name`);
  process.stdout.write(
    options.json === true ? `${JSON.stringify(rules)}\n` : `${rulesInWords(rules)}\n`,
  );
}

/** Throws in words, one line for each mistake. */
export async function checkPolicy(
  file: string | undefined,
  options: PolicyArguments,
): Promise<void> {
  const path =
    file === undefined ? (await readSettings(options)).policyFile : resolve(process.cwd(), file);
  if (path === undefined)
    throw new Error('the settings name no policy file: say which, ./kilonova policy check FILE');
  const changed = loadPolicy(path).rules.filter(({ line }) => line !== undefined);
  process.stdout.write(
    changed.length === 0
      ? `${path} is good, and changes nothing: it has no rules\n`
      : `${path} is good. In force by it:\n${rulesInWords(changed)}\n`,
  );
}

export function rulesInWords(rules: readonly RuleInForce[]): string {
  return table(
    ['rule', 'from', 'check'],
    rules.map(({ name, check, line }) => [
      name,
      line === undefined ? 'default' : `line ${line}`,
      JSON.stringify(check),
    ]),
  );
}
