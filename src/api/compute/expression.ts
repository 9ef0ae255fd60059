// Regular expressions that users send as list filters, matched in time linear in the text, whatever the expression:
// a backtracking engine would let one request stop the whole process. A small NFA; no look-around, no back-references.
// Letters match in either case, as they do in the databases that OpenStack runs on. Pure.
import { unreachable } from '#runtime/assert.ts';

/** Longer or larger ones are refused: the work per character is bounded by the number of steps. */
const MAX_PATTERN_LENGTH = 512;
const MAX_STEPS = 1_000;
const MAX_REPEAT = 255;
const MAX_NESTING = 50;

export interface Expression {
  /** Whether it matches anywhere in the text. */
  matches(text: string): boolean;
}

type Accepts = (character: string) => boolean;
type Node =
  | { readonly kind: 'one'; readonly accepts: Accepts }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'either'; readonly choices: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number }
  | { readonly kind: 'start' | 'end' };

type Step =
  | { readonly kind: 'one'; readonly accepts: Accepts; readonly next: number }
  | { readonly kind: 'fork'; readonly next: number; readonly other: number }
  | { readonly kind: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'match' };

class BadExpression extends Error {}

/** Undefined if the text is no expression, or one beyond the bounds. */
export function compileExpression(pattern: string): Expression | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined;
  const plain = plainExpression(pattern);
  if (plain !== undefined) return plain;
  try {
    const steps: Step[] = [{ kind: 'match' }];
    const entry = emit(new Parser(pattern).parse(), 0, steps);
    return { matches: (text) => run(steps, entry, text) };
  } catch (error) {
    if (error instanceof BadExpression) return undefined;
    throw error;
  }
}

/** Most filters are a bare word, maybe with ^ or $: no machine needed. */
function plainExpression(pattern: string): Expression | undefined {
  const parts = /^(\^?)([\w\s@:/=~!%&"'<>,;-]*)(\$?)$/.exec(pattern);
  if (parts === null) return undefined;
  const word = (parts[2] ?? '').toLowerCase();
  const [atStart, atEnd] = [parts[1] !== '', parts[3] !== ''];
  if (atStart && atEnd) return { matches: (text) => text.toLowerCase() === word };
  if (atStart) return { matches: (text) => text.toLowerCase().startsWith(word) };
  if (atEnd) return { matches: (text) => text.toLowerCase().endsWith(word) };
  return { matches: (text) => text.toLowerCase().includes(word) };
}

function run(steps: readonly Step[], entry: number, text: string): boolean {
  const characters = Array.from(text);
  let current = new Set<number>();
  for (let at = 0; at <= characters.length; at += 1) {
    const edges = { atStart: at === 0, atEnd: at === characters.length };
    if (follow(steps, entry, current, edges)) return true;
    const character = characters[at];
    if (character === undefined) return false;
    const reached = new Set<number>();
    const after = { atStart: false, atEnd: at + 1 === characters.length };
    for (const index of current) {
      const step = steps[index];
      if (step?.kind === 'one' && step.accepts(character))
        if (follow(steps, step.next, reached, after)) return true;
    }
    current = reached;
  }
  return false;
}

/** Adds a step and all that follow without a character; true when the match is among them. */
function follow(
  steps: readonly Step[],
  from: number,
  into: Set<number>,
  edges: { readonly atStart: boolean; readonly atEnd: boolean },
): boolean {
  const pending = [from];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    if (into.has(index)) continue;
    into.add(index);
    const step = steps[index];
    if (step === undefined || step.kind === 'match') return true;
    if (step.kind === 'fork') pending.push(step.other, step.next);
    else if (step.kind === 'start' ? edges.atStart : step.kind === 'end' && edges.atEnd)
      pending.push(step.next);
  }
  return false;
}

/** Appends the steps of a node that go on to `next`; the answer is where they begin. */
function emit(node: Node, next: number, steps: Step[]): number {
  switch (node.kind) {
    case 'one':
      return push(steps, { kind: 'one', accepts: node.accepts, next });
    case 'start':
    case 'end':
      return push(steps, { kind: node.kind, next });
    case 'sequence':
      return node.parts.reduceRight((follower, part) => emit(part, follower, steps), next);
    case 'either':
      return node.choices
        .map((choice) => emit(choice, next, steps))
        .reduce((other, choice) => push(steps, { kind: 'fork', next: choice, other }));
    case 'repeat':
      return emitRepeat(node, next, steps);
    default:
      return unreachable(node);
  }
}

function emitRepeat(node: Node & { kind: 'repeat' }, next: number, steps: Step[]): number {
  let entry = next;
  if (node.max === Number.POSITIVE_INFINITY) {
    const loop = push(steps, { kind: 'match' });
    const body = emit(node.part, loop, steps);
    steps[loop] = { kind: 'fork', next: body, other: next };
    entry = loop;
  } else
    for (let count = node.min; count < node.max; count += 1)
      entry = push(steps, { kind: 'fork', next: emit(node.part, entry, steps), other: next });
  for (let count = 0; count < node.min; count += 1) entry = emit(node.part, entry, steps);
  return entry;
}

function push(steps: Step[], step: Step): number {
  if (steps.length >= MAX_STEPS) throw new BadExpression('too large');
  return steps.push(step) - 1;
}

const digit: Accepts = (character) => /\p{Nd}/u.test(character);
const word: Accepts = (character) => /[\p{L}\p{N}_]/u.test(character);
const space: Accepts = (character) => /\s/.test(character);
const not =
  (accepts: Accepts): Accepts =>
  (character) =>
    !accepts(character);
const classes: Readonly<Record<string, Accepts>> = {
  d: digit,
  D: not(digit),
  w: word,
  W: not(word),
  s: space,
  S: not(space),
};
const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v' };

function literal(wanted: string): Accepts {
  const lower = wanted.toLowerCase();
  return (character) => character.toLowerCase() === lower;
}

class Parser {
  readonly #text: readonly string[];
  #at = 0;
  #nesting = 0;

  constructor(pattern: string) {
    this.#text = Array.from(pattern);
  }

  parse(): Node {
    const node = this.#either();
    if (this.#at < this.#text.length) throw new BadExpression('unbalanced parenthesis');
    return node;
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #take(): string {
    const character = this.#text[this.#at];
    if (character === undefined) throw new BadExpression('ends too early');
    this.#at += 1;
    return character;
  }

  #skip(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #either(): Node {
    const choices = [this.#sequence()];
    while (this.#skip('|')) choices.push(this.#sequence());
    return { kind: 'either', choices };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; ) {
      parts.push(this.#repeated());
      next = this.#peek();
    }
    return { kind: 'sequence', parts };
  }

  #repeated(): Node {
    const part = this.#atom();
    const bounds = this.#bounds();
    if (bounds === undefined) return part;
    if (part.kind === 'start' || part.kind === 'end') throw new BadExpression('nothing to repeat');
    if (!this.#skip('?')) this.#skip('+');
    if (this.#bounds() !== undefined) throw new BadExpression('multiple repeat');
    return { kind: 'repeat', part, ...bounds };
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#skip('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#skip('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#skip('?')) return { min: 0, max: 1 };
    const counted = /^\{(\d{0,3})(,?)(\d{0,3})\}/.exec(
      this.#text.slice(this.#at, this.#at + 9).join(''),
    );
    if (counted === null || counted[0] === '{}' || counted[0] === '{,}') return undefined;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const open = counted[2] === ',' && counted[3] === '';
    const max = open ? Number.POSITIVE_INFINITY : counted[2] === ',' ? Number(counted[3]) : min;
    if (max < min || min > MAX_REPEAT || (!open && max > MAX_REPEAT))
      throw new BadExpression('bad repeat');
    return { min, max };
  }

  #atom(): Node {
    const character = this.#take();
    switch (character) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'one', accepts: (text) => text !== '\n' };
      case '(':
        return this.#group();
      case '[':
        return { kind: 'one', accepts: this.#characterSet() };
      case '\\':
        return { kind: 'one', accepts: this.#escape() };
      case '*':
      case '+':
      case '?':
        throw new BadExpression('nothing to repeat');
      default:
        return { kind: 'one', accepts: literal(character) };
    }
  }

  #group(): Node {
    this.#nesting += 1;
    if (this.#nesting > MAX_NESTING) throw new BadExpression('nested too deeply');
    if (this.#skip('?') && !this.#skip(':')) throw new BadExpression('unsupported group');
    const node = this.#either();
    if (!this.#skip(')')) throw new BadExpression('missing )');
    this.#nesting -= 1;
    return node;
  }

  #escape(): Accepts {
    const character = this.#take();
    const known = classes[character];
    if (known !== undefined) return known;
    const control = controls[character];
    if (control !== undefined) return literal(control);
    if (/[A-Za-z0-9]/.test(character)) throw new BadExpression('unsupported escape');
    return literal(character);
  }

  #characterSet(): Accepts {
    const negated = this.#skip('^');
    const parts: Accepts[] = [];
    while (parts.length === 0 || this.#peek() !== ']') parts.push(this.#setPart());
    this.#take();
    const any: Accepts = (character) => parts.some((accepts) => accepts(character));
    const either: Accepts = (character) =>
      any(character) || any(character.toLowerCase()) || any(character.toUpperCase());
    return negated ? not(either) : either;
  }

  #setPart(): Accepts {
    const first = this.#take();
    if (first === '\\') return this.#escape();
    if (this.#peek() !== '-' || this.#text[this.#at + 1] === ']') return literal(first);
    this.#take();
    const last = this.#take();
    if (last === '\\' || first > last) throw new BadExpression('bad character range');
    return (character) => character >= first && character <= last;
  }
}
