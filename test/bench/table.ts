// The bench table: what was measured, the figure, the bar beside it, and whether it is met.

export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly bar: string;
  readonly isMet: boolean;
}

export function printTable(rows: readonly Row[]): void {
  const cells = [
    ['what', 'figure', 'bar', ''],
    ...rows.map((row) => [row.what, row.figure, row.bar, row.isMet ? 'met' : 'MISSED']),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  for (const [index, row] of cells.entries()) {
    process.stdout.write(
      `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`,
    );
    if (index === 0)
      process.stdout.write(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`);
  }
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
