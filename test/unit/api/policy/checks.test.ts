// The language of checks: what each means for whom, and what is said about what is none.
import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Caller } from '#actors/ports/identity.ts';
import { CheckSyntaxError, parseCheck } from '#api/policy/check.ts';
import { compileRules, type PolicyTarget } from '#api/policy/evaluate.ts';
import { caller, OTHER_PROJECT, PROJECT } from '#test/api/compute/service.ts';

const anna = caller('anna', { roles: ['member', 'Reader'] });
const system: Caller = {
  ...caller('root', { roles: ['admin'], projectId: undefined }),
  system: true,
};
const own: PolicyTarget = { projectId: PROJECT, userId: anna.userId };
const others: PolicyTarget = { projectId: OTHER_PROJECT, userId: 'someone' };

function holds(text: string, who: Caller = anna, target: PolicyTarget = own): boolean {
  const rules = compileRules(
    new Map([
      ['asked', parseCheck(text)],
      ['yes', parseCheck('@')],
      ['no', parseCheck('!')],
      ['alias', parseCheck('rule:yes')],
    ]),
  );
  return rules.get('asked')?.(who, target) === true;
}

describe('a check', () => {
  it.each([
    ['', true],
    ['@', true],
    ['!', false],
    ['role:member', true],
    ['role:MEMBER', true],
    ['role:reader', true],
    ['role:admin', false],
    ['rule:yes', true],
    ['rule:alias', true],
    ['rule:no', false],
    ['project_id:%(project_id)s', true],
    ['user_id:%(user_id)s', true],
    [`project_id:${PROJECT}`, true],
    ['is_admin:False', true],
    ['is_admin:True', false],
    ['system_scope:all', false],
    ['True:True', true],
    ["'text':text", true],
    ['not role:admin', true],
    ['not not role:admin', false],
    ['NOT role:admin AND role:member', true],
    ['role:admin or role:member and role:reader', true],
    ['role:member or rule:no and rule:no', true],
    ['(role:member or rule:no) and rule:no', false],
    ['((role:member))', true],
    ['not (role:admin or role:member)', false],
    ['(role:member and project_id:%(project_id)s) or role:admin', true],
  ])('“%s” holds for a member about what is its own: %s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  it('about another’s thing does not hold by ownership', () => {
    const asked = ['project_id:%(project_id)s', 'user_id:%(user_id)s'];
    expect(asked.map((text) => holds(text, anna, others))).toEqual([false, false]);
  });

  it('holds for the system alone with system_scope:all', () => {
    expect([holds('system_scope:all', system), holds('system_scope:all')]).toEqual([true, false]);
  });

  it('takes a token without a project for the owner of nothing', () => {
    const homeless = caller('homeless', { projectId: undefined });
    expect(holds('project_id:%(project_id)s', homeless, {})).toBe(false);
    expect(holds('domain_id:%(project_id)s', homeless, {})).toBe(false);
  });
});

describe('what is no check', () => {
  it.each([
    ['role:a role:b', '“role:b” follows a check without “and” or “or” before it'],
    ['role:a and', 'there is an end where a check such as role:member should stand'],
    ['and role:a', 'there is “and” where a check such as role:member should stand'],
    ['(role:a', 'there is a ( without its )'],
    ['role:a)', 'there is a ) without its ('],
    ['()', 'there is “)” where a check'],
    ['admin', '“admin” is no check: write KIND:VALUE'],
    ['role:', 'has nothing after its colon'],
    ['http://decide.example', 'asks another server, which is not done here'],
    ['token.x:y', 'asks about “token.x”, which callers don'],
    ['project_id:%(flavor)s', 'asks for a field that things here don'],
    ['project_id:a%(project_id)s', 'mixes text and a field'],
    ['('.repeat(100), 'nested deeper than 64 times'],
  ])('“%s” is told what is wrong', (text, words) => {
    expect(() => parseCheck(text)).toThrow(CheckSyntaxError);
    expect(() => parseCheck(text)).toThrow(words);
  });

  it('of whatever kind is refused in words, never by a crash', () => {
    const piece = constantFrom(
      '(',
      ')',
      ' ',
      'and',
      'or',
      'not',
      'role:a',
      '@',
      '!',
      '%',
      "'",
      ':',
    );
    assert(
      property(array(piece, { maxLength: 30 }), (pieces) => {
        const outcome = outcomeOf(pieces.join(' '));
        expect(outcome === undefined || outcome instanceof CheckSyntaxError).toBe(true);
      }),
    );
  });
});

function outcomeOf(text: string): unknown {
  try {
    parseCheck(text);
    return undefined;
  } catch (error) {
    return error;
  }
}
