// `kilonova drain HOST`: its service is disabled and its servers are moved away; `kilonova undrain HOST` enables it again.
import { adminClient } from './admin-client.ts';
import type { ControlArguments, DrainArguments } from './arguments.ts';
import { type Drained, DrainLoop, type DrainTools } from './drain-loop.ts';
import { readSettings } from './settings.ts';
import { table } from './table.ts';

const MAX_AT_ONCE = 64;

/** The exit code: 1 when servers stay. */
export async function drain(host: string, options: DrainArguments): Promise<number> {
  const atOnce = Number(options.atOnce);
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > MAX_AT_ONCE)
    throw new Error(`--at-once is a number from 1 to ${MAX_AT_ONCE}, not ${options.atOnce}`);
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const tools = await toolsFor(options, tell);
  const drained = await new DrainLoop(tools, host, atOnce).run(options.reason);
  process.stdout.write(
    options.json === true ? `${JSON.stringify(drained)}\n` : `${inWords(host, drained)}\n`,
  );
  return drained.stayed.length === 0 ? 0 : 1;
}

export async function undrain(host: string, options: ControlArguments): Promise<void> {
  const loop = new DrainLoop(await toolsFor(options, () => undefined), host, 1);
  await loop.setService({ status: 'enabled' });
  process.stdout.write(`Host ${host} takes servers again.\n`);
}

async function toolsFor(options: ControlArguments, tell: DrainTools['tell']): Promise<DrainTools> {
  const { data } = await readSettings(options);
  return {
    connect: () => adminClient(data),
    sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
    nowMs: () => performance.now(),
    tell,
  };
}

function inWords(host: string, { moved, stayed }: Drained): string {
  const left = `${moved} servers have left host ${host}`;
  if (stayed.length === 0) return `${left}; it is empty, and takes no new ones.`;
  const rows = stayed.map(({ id, name, reason }) => [name, id, reason]);
  return `${left}; ${stayed.length} stay:\n\n${table(['SERVER', 'ID', 'WHY'], rows)}`;
}
