// The few pieces of Markdown that generated documents are made of, as the formatter would leave them. Pure.

export type Row = readonly string[];

export function row(...cells: readonly string[]): Row {
  return cells;
}

export function table(head: Row, rows: readonly Row[]): string {
  const all = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_title, column) =>
    Math.max(3, ...all.map((cells) => cells[column]?.length ?? 0)),
  );
  const [title = '', ...lines] = all.map(
    (cells) => `| ${widths.map((width, at) => (cells[at] ?? '').padEnd(width)).join(' | ')} |\n`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |\n`;
  return `${title}${rule}${lines.join('')}`;
}

export function code(text: string): string {
  return `\`${text}\``;
}
