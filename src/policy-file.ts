// Reads the policy file that the settings name. Every mistake in it is told at once, with file, line and mend, and then
// nothing starts: a cloud never runs under half a policy. Read when a process starts, and not again.
import { readFileSync } from 'node:fs';
import { defaultPolicy, type Enforcer, readPolicy } from '#api/policy/enforcer.ts';

export type { RuleInForce } from '#api/policy/enforcer.ts';

/** Longer files are refused: every rule there is, with its comment, takes a tenth of it. */
const MAX_POLICY_BYTES = 1024 * 1024;

/** The defaults for undefined. Throws in words. */
export function loadPolicy(path: string | undefined): Enforcer {
  if (path === undefined) return defaultPolicy;
  const { enforcer, problems } = readPolicy(textOf(path));
  if (problems === undefined) return enforcer;
  const lines = problems.map(
    ({ line, rule, words }) =>
      `  ${path}:${line}: ${rule === undefined ? '' : `${JSON.stringify(rule)}: `}${words}`,
  );
  throw new Error(
    `the policy file has ${lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`}:\n${lines.join('\n')}`,
  );
}

function textOf(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new Error(
      `the policy file ${path} can't be read (${code}): name another with --policy FILE, or policyFile in the settings`,
      { cause: error },
    );
  }
  if (bytes.length > MAX_POLICY_BYTES)
    throw new Error(
      `the policy file ${path} is larger than ${MAX_POLICY_BYTES} bytes: it can't be one`,
    );
  return bytes.toString('utf8');
}
