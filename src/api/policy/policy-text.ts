// A policy file as text: one flat map from rule names to checks, in YAML or JSON as oslo.policy reads them. Pure. Of YAML
// it takes what such files have: comments, plain and quoted strings, strings over several lines. What it does not take it
// names by line, rather than guess: a policy that is misread is a hole.

export interface PolicyEntry {
  readonly line: number;
  readonly name: string;
  readonly text: string;
}

export interface PolicyProblem {
  readonly line: number;
  /** Which rule, if it is known. */
  readonly rule?: string;
  /** What is wrong, and what to write instead. */
  readonly words: string;
}

export interface PolicyText {
  readonly entries: readonly PolicyEntry[];
  readonly problems: readonly PolicyProblem[];
}

class LineProblem extends Error {}

export function readPolicyText(text: string): PolicyText {
  const plain = text.replace(/^\uFEFF/, '');
  return withoutDoubles(plain.trimStart().startsWith('{') ? readJson(plain) : readYaml(plain));
}

function withoutDoubles({ entries, problems }: PolicyText): PolicyText {
  const first = new Map<string, number>();
  const doubled = entries.flatMap(({ name, line }): PolicyProblem[] => {
    const known = first.get(name);
    if (known === undefined) first.set(name, line);
    return known === undefined
      ? []
      : [{ line, rule: name, words: `it stands in line ${known} already: keep one of them` }];
  });
  return {
    entries,
    problems: [...problems, ...doubled].sort((one, other) => one.line - other.line),
  };
}

function readJson(text: string): PolicyText {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return {
      entries: [],
      problems: [
        { line: 1, words: `it begins with { but is no JSON: ${(error as Error).message}` },
      ],
    };
  }
  const lines = text.split('\n');
  const entries: PolicyEntry[] = [];
  const problems: PolicyProblem[] = [];
  for (const [name, value] of Object.entries(parsed as Readonly<Record<string, unknown>>)) {
    const line = lines.findIndex((one) => one.includes(JSON.stringify(name))) + 1 || 1;
    if (typeof value === 'string') entries.push({ line, name, text: value });
    else problems.push({ line, rule: name, words: 'it has no string: write the check in quotes' });
  }
  return { entries, problems };
}

interface Line {
  readonly number: number;
  readonly text: string;
}

function readYaml(text: string): PolicyText {
  const lines = text.split(/\r?\n/).map((line, index): Line => ({ number: index + 1, text: line }));
  const entries: PolicyEntry[] = [];
  const problems: PolicyProblem[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] as Line;
    at += 1;
    if (isBlank(line.text) || /^(---|\.\.\.)\s*(#.*)?$/.test(line.text)) continue;
    const from = at;
    while (at < lines.length && isContinuation((lines[at] as Line).text)) at += 1;
    const more = lines.slice(from, at);
    let name: string | undefined;
    try {
      const [key, rest] = splitKey(line.text);
      name = key;
      entries.push({ line: line.number, name, text: valueOf(rest, more) });
    } catch (error) {
      if (!(error instanceof LineProblem)) throw error;
      problems.push({
        line: line.number,
        ...(name === undefined ? {} : { rule: name }),
        words: error.message,
      });
    }
  }
  return { entries, problems };
}

function isBlank(line: string): boolean {
  return /^\s*(#.*)?$/.test(line);
}

/** An indented line, or a blank one, goes on with the value before it. */
function isContinuation(line: string): boolean {
  return /^\s/.test(line) || line === '';
}

const flat = 'a policy is one flat list of NAME: "CHECK" lines';

/** `"name": rest`, `name: rest`; a plain name may have colons, as rule names do. */
function splitKey(line: string): readonly [string, string] {
  if (line.startsWith('\t') || line.startsWith(' '))
    throw new LineProblem(`it is indented, but goes on with nothing: ${flat}`);
  if (line.startsWith('- ')) throw new LineProblem(`it is an item of a list: ${flat}`);
  const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)')\s*:(?:\s+(.*))?$/.exec(line);
  if (quoted !== null) {
    const [, double, single = '', rest = ''] = quoted;
    return [double === undefined ? single.replaceAll("''", "'") : unescape(double), rest];
  }
  if (/^["']/.test(line))
    throw new LineProblem('after the name in quotes a colon and a blank are missing');
  const plain = /^([^\s#](?:.*?[^\s])??)\s*:(?:\s+(.*))?$/.exec(line);
  const name = plain?.[1];
  if (name === undefined || /\s#/.test(name))
    throw new LineProblem(`there is no “NAME: CHECK” in it (a blank follows the colon): ${flat}`);
  return [name, plain?.[2] ?? ''];
}

function valueOf(first: string, more: readonly Line[]): string {
  const start = first.trim();
  if (/^[>|]/.test(start)) return blockOf(start, more);
  const quote = start[0];
  if (quote === '"' || quote === "'") return quotedOf([start, ...more.map(({ text }) => text)]);
  const lines = [start, ...more.map(({ text }) => text.trim())].map(withoutComment);
  const joined = lines.filter((line) => line !== '').join(' ');
  checkPlain(joined);
  return joined;
}

function withoutComment(line: string): string {
  return line.replace(/(^|\s)#.*$/, '').trim();
}

function checkPlain(text: string): void {
  if (text === '' || text === '~' || text === 'null')
    throw new LineProblem('it has no check: write "" to allow everyone, "!" to allow nobody');
  if (/^[[{]/.test(text))
    throw new LineProblem(
      'its check is a list or a map, a form of long ago: write it as one string with “and” and “or”',
    );
  if (/^[@!%&*`]/.test(text))
    throw new LineProblem(`a check that begins with ${text[0] ?? ''} must be in quotes`);
  if (/:\s/.test(text) || text.endsWith(':'))
    throw new LineProblem(
      `its check has a colon and a blank in it, which YAML takes for a name: ${flat}`,
    );
}

/** `>` and `|`: the indented lines below, joined by blanks, which is the same for a check. */
function blockOf(start: string, more: readonly Line[]): string {
  if (!/^[>|][+-]?\d?\s*(#.*)?$/.test(start))
    throw new LineProblem(`after ${start[0] ?? ''} the check stands on the lines below`);
  const text = more.map((line) => line.text.trim()).filter((line) => line !== '');
  if (text.length === 0) throw new LineProblem('it has no check: the lines below are not indented');
  return text.join(' ');
}

/** A string in quotes, perhaps over several lines, which are joined by blanks. */
function quotedOf(lines: readonly string[]): string {
  const text = lines
    .map((line) => line.trim())
    .join(' ')
    .trimEnd();
  const found = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)')\s*(.*)$/.exec(text);
  if (found === null) throw new LineProblem('its string has no closing quote');
  const [, double, single = '', rest = ''] = found;
  if (rest !== '' && !rest.startsWith('#'))
    throw new LineProblem(
      `“${rest.slice(0, 40)}” follows the string in quotes: put the whole check into one pair of quotes`,
    );
  return double === undefined ? single.replaceAll("''", "'") : unescape(double);
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
  ' ': ' ',
};

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, (_all, letter: string) => {
    const meant = escapes[letter];
    if (meant === undefined)
      throw new LineProblem(`\\${letter} means nothing in a string in quotes`);
    return meant;
  });
}
