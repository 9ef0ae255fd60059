// `--policy FILE`: where it is looked for, and what is said of one that is no policy.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { rulesInWords } from '#cli/policy.ts';
import { fromOptions } from '#cli/settings.ts';
import { loadPolicy } from '../../../src/policy-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'kilonova-policy-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function written(text: string): string {
  const path = join(directory, 'policy.yaml');
  writeFileSync(path, text);
  return path;
}

it('a path of the command line is from the current directory', () => {
  const { policyFile } = fromOptions({ config: 'cluster.config.ts', policy: 'rules.yaml' });
  expect(policyFile).toBe(resolve('rules.yaml'));
});

it('every mistake is told with file, line, rule and mend', () => {
  const path = written(
    '# mine\n"os_compute_api:servers:craete": "@"\nmine: "role:a role:b"\n- x\n',
  );
  expect(() => loadPolicy(path)).toThrow(
    [
      'the policy file has 3 mistakes:',
      `  ${path}:2: "os_compute_api:servers:craete": there is no such rule, so it would have no effect: did you mean os_compute_api:servers:create? If not, take it out. ./kilonova policy show lists all rules`,
      `  ${path}:3: "mine": “role:b” follows a check without “and” or “or” before it: write one of them between`,
      `  ${path}:4: it is an item of a list: a policy is one flat list of NAME: "CHECK" lines`,
    ].join('\n'),
  );
});

it('a file that is not there is told with the mend', () => {
  expect(() => loadPolicy(join(directory, 'none.yaml'))).toThrow(
    `the policy file ${join(directory, 'none.yaml')} can't be read (ENOENT): name another with --policy FILE, or policyFile in the settings`,
  );
});

it('rules are shown with where they come from', () => {
  const rules = loadPolicy(written('"os_compute_api:os-rescue": "role:medic"')).rules;
  const shown = rules.filter(({ name }) => /os-rescue|os-unrescue/.test(name));
  expect(rulesInWords(shown)).toBe(
    [
      'rule                        from     check',
      'os_compute_api:os-rescue    line 1   "role:medic"',
      'os_compute_api:os-unrescue  default  "rule:project_member_or_admin"',
    ].join('\n'),
  );
});
