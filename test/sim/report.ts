// What is told of a failed walk: seed, mix and commit, the shortest schedule that fails, and the trace of the servers
// concerned, from the journal and the hosts.
import { execFileSync } from 'node:child_process';
import type { Plan } from './plan.ts';
import { shrink } from './shrink.ts';
import { Walk } from './walk.ts';

const SHRINK_MS = 120_000;
const MOST_SERVERS = 3;

export async function reportOf(plan: Plan): Promise<string> {
  const { seed, mix } = plan;
  const shrunk = await shrink(plan, SHRINK_MS);
  const title = `seed ${seed} of mix ${mix} at commit ${commit()}`;
  if (shrunk === undefined) return `${title} does not fail.`;
  const { steps, of, violations, tries } = shrunk;
  const servers = serversIn(violations).slice(0, MOST_SERVERS);
  const trace = await traceOf({ ...plan, steps, more: [] }, servers);
  return [
    title,
    ...violations.map((one) => `  ${one}`),
    '',
    `It fails the same way with ${steps.length} of ${of} steps (${tries} runs):`,
    ...steps.map((step) => `  ${JSON.stringify(step)}`),
    '',
    servers.length === 0 ? 'What happened:' : `What happened to ${servers.join(' and ')}:`,
    ...trace.map((line) => `  ${line}`),
    '',
    `To run it again: npm run sim -- --seed ${seed} --mix ${mix}`,
    'To keep it for ever, add to test/sim/seeds.json:',
    `  ${JSON.stringify({ seed, mix, found: violations[0], steps })}`,
  ].join('\n');
}

function serversIn(violations: readonly string[]): readonly string[] {
  const ids = violations.flatMap((one) => one.match(/aaaa\d{4}-0000-4000-8000-0{12}/g) ?? []);
  return [...new Set(ids)];
}

/** The story, with the journal's entries in it that are about the servers. */
async function traceOf(plan: Plan, servers: readonly string[]): Promise<readonly string[]> {
  const walk = new Walk(plan);
  const concerns = (text: string): boolean =>
    servers.length === 0 || servers.some((id) => text.includes(id));
  try {
    walk.world.onEntry(({ key, version, epoch, events }) => {
      const words = events.map(({ type, data }) => `${type} ${short(data)}`).join(', ');
      if (servers.length > 0 && concerns(`${key} ${JSON.stringify(events)}`))
        walk.tell(`    ${key} v${version} by owner ${epoch}: ${words}`);
    });
    const { story } = await walk.run();
    return story.filter((line) => concerns(line) || isOfWorld(line));
  } finally {
    walk.world.dispose();
  }
}

function isOfWorld(line: string): boolean {
  return !/aaaa\d{4}-/.test(line);
}

const LONGEST = 160;

function short(data: unknown): string {
  const text = JSON.stringify(data);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function commit(): string {
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
    const isClean = git('status', '--porcelain', '--untracked-files=no') === '';
    return `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with changes'}`;
  } catch {
    return 'unknown (no git here)';
  }
}
