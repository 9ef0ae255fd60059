// The language of policy checks, as oslo.policy has it: `role:member and project_id:%(project_id)s`. From text to a tree.
// Pure. What a tree means for a caller is in evaluate.ts. Grammar and words: oslo.policy's documentation.

export type Check =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'rule'; readonly rule: string }
  /** A credential of the caller, or a literal, equals a text, or a field of what is acted on. */
  | { readonly kind: 'equals'; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'not'; readonly check: Check }
  | { readonly kind: 'and' | 'or'; readonly checks: readonly Check[] };

export type Operand =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'credential'; readonly name: CredentialName }
  | { readonly kind: 'target'; readonly name: TargetName };

/** What a check may ask about the caller. */
export const credentialNames = [
  'user_id',
  'user_domain_id',
  'project_id',
  'project_domain_id',
  'domain_id',
  'system_scope',
  'is_admin',
] as const;
export type CredentialName = (typeof credentialNames)[number];

/** What a check may ask about the thing that is acted on. */
export const targetNames = ['project_id', 'user_id'] as const;
export type TargetName = (typeof targetNames)[number];

/** Checks nested deeper are refused: nobody writes them by hand. */
const MAX_DEPTH = 64;

/** Why a text is no check, and what to write instead. */
export class CheckSyntaxError extends Error {}

/** Throws CheckSyntaxError. */
export function parseCheck(text: string): Check {
  if (text.trim() === '') return { kind: 'always' };
  const parser = new Parser(tokensOf(text));
  const check = parser.alternatives(0);
  parser.demandEnd();
  return check;
}

type Token =
  | { readonly kind: '(' | ')' | 'and' | 'or' | 'not' }
  | { readonly kind: 'check'; readonly text: string };

/** Words stand apart; parentheses may touch the words in them. `%(project_id)s` is part of a word. */
function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const piece of text.match(/(?:'[^']*'|"[^"]*"|\S)+/g) ?? []) {
    const opening = /^\(*/.exec(piece)?.[0].length ?? 0;
    const inner = piece.slice(opening);
    const closing = closingIn(inner);
    const word = inner.slice(0, inner.length - closing);
    for (let count = 0; count < opening; count += 1) tokens.push({ kind: '(' });
    if (word !== '') tokens.push(wordToken(word));
    for (let count = 0; count < closing; count += 1) tokens.push({ kind: ')' });
  }
  return tokens;
}

function closingIn(text: string): number {
  return /\)*$/.exec(text)?.[0].length ?? 0;
}

function wordToken(word: string): Token {
  const lower = word.toLowerCase();
  return lower === 'and' || lower === 'or' || lower === 'not'
    ? { kind: lower }
    : { kind: 'check', text: word };
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** `not` binds closest, then `and`, then `or`. */
  alternatives(depth: number): Check {
    if (depth > MAX_DEPTH)
      throw new CheckSyntaxError(
        `it is nested deeper than ${MAX_DEPTH} times: give parts of it names of their own, and use rule:NAME`,
      );
    return this.#joined('or', () => this.#joined('and', () => this.#single(depth)));
  }

  demandEnd(): void {
    const left = this.#tokens[this.#at];
    if (left === undefined) return;
    if (left.kind === ')') throw new CheckSyntaxError('there is a ) without its (');
    throw new CheckSyntaxError(
      `${wordsOf(left)} follows a check without “and” or “or” before it: write one of them between`,
    );
  }

  #joined(kind: 'and' | 'or', part: () => Check): Check {
    const first = part();
    const checks = [first];
    while (this.#take(kind)) checks.push(part());
    return checks.length === 1 ? first : { kind, checks };
  }

  #single(depth: number): Check {
    let negations = 0;
    while (this.#take('not')) negations += 1;
    const check = this.#positive(depth);
    return negations % 2 === 0 ? check : { kind: 'not', check };
  }

  #positive(depth: number): Check {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === 'check') return parseWord(token.text);
    if (token?.kind !== '(')
      throw new CheckSyntaxError(
        `there is ${token === undefined ? 'an end' : wordsOf(token)} where a check such as role:member should stand`,
      );
    const inner = this.alternatives(depth + 1);
    if (!this.#take(')')) throw new CheckSyntaxError('there is a ( without its )');
    return inner;
  }

  #take(kind: Token['kind']): boolean {
    if (this.#tokens[this.#at]?.kind !== kind) return false;
    this.#at += 1;
    return true;
  }
}

function wordsOf(token: Token): string {
  return token.kind === 'check' ? `“${token.text}”` : `“${token.kind}”`;
}

function parseWord(word: string): Check {
  if (word === '@') return { kind: 'always' };
  if (word === '!') return { kind: 'never' };
  const colon = colonOf(word);
  if (colon < 1)
    throw new CheckSyntaxError(
      `“${word}” is no check: write KIND:VALUE, such as role:member or rule:project_member_api`,
    );
  const kind = word.slice(0, colon);
  const match = word.slice(colon + 1);
  if (match === '')
    throw new CheckSyntaxError(`“${word}” has nothing after its colon: write ${kind}:VALUE`);
  if (kind === 'role') return { kind, role: match.toLowerCase() };
  if (kind === 'rule') return { kind, rule: match };
  if (kind === 'http' || kind === 'https')
    throw new CheckSyntaxError(
      `“${word}” asks another server, which is not done here: write the roles that it would allow`,
    );
  return { kind: 'equals', left: leftOperand(kind, word), right: rightOperand(match) };
}

/** The colon that ends the kind: not one within quotes. */
function colonOf(word: string): number {
  const quoted = /^(?:'[^']*'|"[^"]*")/.exec(word);
  return word.indexOf(':', quoted?.[0].length ?? 0);
}

function leftOperand(kind: string, word: string): Operand {
  const literal = literalOf(kind);
  if (literal !== undefined) return { kind: 'text', text: literal };
  const name = credentialNames.find((known) => known === kind);
  if (name !== undefined) return { kind: 'credential', name };
  throw new CheckSyntaxError(
    `“${word}” asks about “${kind}”, which callers don't have: they have ${credentialNames.join(', ')}, and role`,
  );
}

function literalOf(text: string): string | undefined {
  const quoted = /^(?:'([^']*)'|"([^"]*)")$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? '';
  return text === 'True' || text === 'False' || text === 'None' ? text : undefined;
}

function rightOperand(text: string): Operand {
  const target = /^%\((.*)\)s$/.exec(text);
  if (target === null) {
    if (text.includes('%('))
      throw new CheckSyntaxError(`“${text}” mixes text and a field: write %(project_id)s alone`);
    return { kind: 'text', text };
  }
  const name = targetNames.find((known) => known === target[1]);
  if (name !== undefined) return { kind: 'target', name };
  throw new CheckSyntaxError(
    `“${text}” asks for a field that things here don't have: they have ${targetNames.map((known) => `%(${known})s`).join(' and ')}`,
  );
}
