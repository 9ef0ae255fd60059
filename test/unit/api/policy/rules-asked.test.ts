// The rule table against the code: no rule stands there that nothing asks, unless it is said why.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { computeRoutes } from '#api/compute/routes.ts';
import {
  type ComputeRule,
  computeRuleNotes,
  computeRules,
} from '#api/policy/compute-rules-table.ts';
import { missingOperations } from '#test/support/docs/api-document.ts';
import { novaPolicies } from '#test/support/docs/nova-policies.ts';

/** Of things that servers here don't have; the table's notes say so. */
const nothingBehind: readonly ComputeRule[] = [
  'compute:server:topology:host:index',
  'compute:servers:resize:cross_cell',
  'os-volumes-attachments:swap',
  'servers:create_image:allow_volume_backed',
];

const folder = resolve(import.meta.dirname, '../../../../src/api/compute');
const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(folder, path), 'utf8'))
  .join('\n');

/** Rules of operations that are still missing have nobody who asks them. */
const missing = new Set(missingOperations());
const isStillToCome = (rule: ComputeRule): boolean =>
  [...novaPolicies]
    .filter(([, asked]) => asked.has(rule))
    .every(([operation]) => missing.has(operation));

const rules = (Object.keys(computeRules) as readonly ComputeRule[]).filter(
  (rule) => !isStillToCome(rule),
);
const gates = new Set(
  computeRoutes.flatMap((route) => (route.actions ?? [route]).map(({ policy }) => policy)),
);

test('every rule gates a call, or is asked within one', () => {
  const idle = rules.filter((rule) => !gates.has(rule) && !code.includes(`'${rule}'`));
  expect(idle).toEqual(nothingBehind);
});

test('a rule that gates no call says what it is about', () => {
  const unexplained = rules.filter((rule) => !gates.has(rule) && !(rule in computeRuleNotes));
  expect(unexplained).toEqual([]);
});
