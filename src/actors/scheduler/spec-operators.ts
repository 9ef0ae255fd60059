// Requirements in flavor extra specs: `>= 4`, `s== kvm`, `<or> a <or> b`, or a plain value. The operators and their
// meaning are those of Nova's document on ComputeCapabilitiesFilter. Pure.

type Compare = (value: string, wanted: string) => boolean;

const numbers =
  (compare: (value: number, wanted: number) => boolean): Compare =>
  (value, wanted) =>
    compare(Number(value), Number(wanted));

const operators: Readonly<Record<string, Compare>> = {
  '=': numbers((value, wanted) => value >= wanted),
  '==': numbers((value, wanted) => value === wanted),
  '!=': numbers((value, wanted) => value !== wanted),
  '>=': numbers((value, wanted) => value >= wanted),
  '<=': numbers((value, wanted) => value <= wanted),
  's==': (value, wanted) => value === wanted,
  's!=': (value, wanted) => value !== wanted,
  's<': (value, wanted) => value < wanted,
  's<=': (value, wanted) => value <= wanted,
  's>': (value, wanted) => value > wanted,
  's>=': (value, wanted) => value >= wanted,
  '<in>': (value, wanted) => value.includes(wanted),
};

export function meets(value: string, requirement: string): boolean {
  const words = requirement.split(/\s+/).filter((word) => word !== '');
  const [operator = '', first, ...others] = words;
  if (operator === '<or>') return words.filter((_, index) => index % 2 === 1).includes(value);
  if (operator === '<all-in>')
    return first !== undefined && [first, ...others].every((word) => value.includes(word));
  const compare = operators[operator];
  if (compare === undefined || !Object.hasOwn(operators, operator)) return value === requirement;
  return first !== undefined && compare(value, first);
}
