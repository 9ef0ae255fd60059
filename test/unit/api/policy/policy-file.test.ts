// Policy files: YAML and JSON as people write them, what they change, and what is said of each kind of mistake.
import { describe, expect, it } from 'vitest';
import { defaultPolicy, ownTarget, readPolicy } from '#api/policy/enforcer.ts';
import { readPolicyText } from '#api/policy/policy-text.ts';
import { present } from '#runtime/assert.ts';
import { caller, OTHER_PROJECT } from '#test/api/compute/service.ts';

const anna = caller('anna', { roles: ['member', 'reader'] });
const admin = caller('admin', { roles: ['admin', 'member', 'reader'] });

describe('the text of a policy file', () => {
  it('is a flat map in YAML', () => {
    const text = `---
# who may
"os_compute_api:servers:create": "role:creator"   # the rule
'os_compute_api:servers:delete': 'role:it''s and not role:x'
os_compute_api:servers:show: role:reader and project_id:%(project_id)s # plain
"os_compute_api:servers:index": ""

folded: >
  role:a or
  role:b

kept: |-
  role:c

"long": "role:d
  or role:e"
plain: role:f
  or role:g  # more
escaped: "role:\\"h\\""
`;
    const { entries, problems } = readPolicyText(text);
    expect(problems).toEqual([]);
    expect(entries).toEqual([
      { line: 3, name: 'os_compute_api:servers:create', text: 'role:creator' },
      { line: 4, name: 'os_compute_api:servers:delete', text: "role:it's and not role:x" },
      {
        line: 5,
        name: 'os_compute_api:servers:show',
        text: 'role:reader and project_id:%(project_id)s',
      },
      { line: 6, name: 'os_compute_api:servers:index', text: '' },
      { line: 8, name: 'folded', text: 'role:a or role:b' },
      { line: 12, name: 'kept', text: 'role:c' },
      { line: 15, name: 'long', text: 'role:d or role:e' },
      { line: 17, name: 'plain', text: 'role:f or role:g' },
      { line: 19, name: 'escaped', text: 'role:"h"' },
    ]);
  });

  it('may be JSON', () => {
    expect(readPolicyText('{\n "a": "@",\n "b": "role:x"\n}')).toEqual({
      entries: [
        { line: 2, name: 'a', text: '@' },
        { line: 3, name: 'b', text: 'role:x' },
      ],
      problems: [],
    });
  });

  it.each(['', '# nothing\n', '---\n', '\uFEFF', '\r\n# x\r\n', '{}'])(
    'may say nothing: %j',
    (text) => {
      expect(readPolicyText(text)).toEqual({ entries: [], problems: [] });
    },
  );

  it.each([
    ['a: "@"\na: "!"', 2, 'it stands in line 1 already'],
    ['- a: b', 1, 'it is an item of a list'],
    ['  a: "@"', 1, 'it is indented, but goes on with nothing'],
    ['just words', 1, 'there is no “NAME: CHECK” in it'],
    ['a:', 1, 'it has no check: write ""'],
    ['a: null', 1, 'it has no check: write ""'],
    ['a: @', 1, 'must be in quotes'],
    ['a: [["role:x"]]', 1, 'a form of long ago'],
    ['a: >\nb: "@"', 1, 'the lines below are not indented'],
    ['a: "role:x', 1, 'no closing quote'],
    ['a: "role:x" or "role:y"', 1, 'put the whole check into one pair of quotes'],
    ['a: "\\q"', 1, 'means nothing in a string'],
    ['a:\n  b: role:x', 1, 'which YAML takes for a name'],
    ['"a" "b"', 1, 'a colon and a blank are missing'],
    ['{"a": ["role:x"]}', 1, 'write the check in quotes'],
    ['{"a": ', 1, 'is no JSON'],
  ])('%j is told its line and what to do', (text, line, words) => {
    const [problem] = readPolicyText(text).problems;
    expect(problem).toMatchObject({ line });
    expect(problem?.words).toContain(words);
  });
});

describe('a policy file', () => {
  it('changes the rules that it names, and leaves the others', () => {
    const { enforcer } = readPolicy(
      'creators: "role:creator"\n"os_compute_api:servers:create": "rule:creators"\n',
    );
    const creator = caller('carl', { roles: ['creator'] });
    const may = (who: typeof anna, rule: string): boolean | undefined =>
      enforcer?.allows(`os_compute_api:servers:${rule}`, who, ownTarget(who));
    expect([may(anna, 'create'), may(creator, 'create')]).toEqual([false, true]);
    expect([may(anna, 'delete'), may(creator, 'delete')]).toEqual([true, false]);
  });

  it('says by context_is_admin who is an administrator', () => {
    const { enforcer } = readPolicy('context_is_admin: "role:cloud_admin"');
    const boss = caller('boss', { roles: ['cloud_admin'] });
    expect(enforcer?.ranked(boss).isAdmin).toBe(true);
    expect(enforcer?.ranked(admin).isAdmin).toBe(false);
    expect(enforcer?.allows('os_compute_api:os-services:list', boss, {})).toBe(true);
    expect(enforcer?.allows('os_compute_api:os-services:list', admin, {})).toBe(false);
  });

  it('may use names of former releases for what they are today', () => {
    const { enforcer } = readPolicy(
      '"os_compute_api:os-services": "@"\n"os_compute_api:os-services:delete": "!"\n',
    );
    const rules = enforcer?.rules.filter(({ name }) => name.includes(':os-services'));
    expect(rules).toEqual([
      { name: 'os_compute_api:os-services:delete', check: '!', line: 2 },
      { name: 'os_compute_api:os-services:list', check: '@', line: 1 },
      { name: 'os_compute_api:os-services:update', check: '@', line: 1 },
    ]);
  });

  it.each([
    [
      '"os_compute_api:servers:craete": "@"',
      { line: 1, rule: 'os_compute_api:servers:craete' },
      'did you mean os_compute_api:servers:create?',
    ],
    [
      '"os_compute_api:os-agents:list": "@"',
      { line: 1, rule: 'os_compute_api:os-agents:list' },
      'take it out',
    ],
    ['a: "rule:b"', { line: 1, rule: 'a' }, 'it refers to rule:b, which there is not'],
    [
      'a: "rule:project_membr_api"',
      { line: 1, rule: 'a' },
      'did you mean rule:project_member_api?',
    ],
    ['a: "rule:b"\nb: "not rule:a"', { line: 1, rule: 'a' }, 'a → b → a'],
    ['\na: "role:x and"', { line: 2, rule: 'a' }, 'there is an end where a check'],
  ])('with a mistake gives no policy: %j', (text, where, words) => {
    const { enforcer, problems } = readPolicy(text);
    expect(enforcer).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems?.[0]).toMatchObject(where);
    expect(problems?.[0]?.words).toContain(words);
  });

  it('has all its mistakes told at once, by line', () => {
    const { problems } = readPolicy('b: "@"\n\na: "x"\n- c\n"network:nonsense": "@"\n');
    expect(problems?.map(({ line }) => line)).toEqual([3, 4, 5]);
  });
});

describe('without a file', () => {
  it('the default rules are in force, each once', () => {
    const names = defaultPolicy.rules.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(defaultPolicy.rules.every(({ line }) => line === undefined)).toBe(true);
    expect(
      defaultPolicy.rules.find(({ name }) => name === 'os_compute_api:servers:create'),
    ).toEqual({
      name: 'os_compute_api:servers:create',
      check: 'rule:project_member_or_admin',
      line: undefined,
    });
  });

  it('a server of another project is only an administrator’s', () => {
    const may = (who: typeof anna) =>
      present(defaultPolicy, 'policy').allows('os_compute_api:servers:delete', who, {
        projectId: OTHER_PROJECT,
        userId: 'someone',
      });
    expect([may(anna), may(admin)]).toEqual([false, true]);
  });
});
