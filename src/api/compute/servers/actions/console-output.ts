// `os-getConsoleOutput`: the end of what the guest wrote on its serial line.
import { NodeFault } from '#actors/node/protocol.ts';
import { ComputeFault, conflict, notFound } from '../../envelope.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';

/** As much of the log as is looked at (nova: MAX_CONSOLE_BYTES). */
const MAX_CONSOLE_BYTES = 100 * 1024;

const consoleBody = {
  type: 'object',
  properties: {
    'os-getConsoleOutput': {
      type: 'object',
      properties: {
        length: { type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$', minimum: -1 },
      },
      additionalProperties: false,
    },
  },
  required: ['os-getConsoleOutput'],
  additionalProperties: false,
} as const;

export const consoleOutputAction: ComputeAction = {
  name: 'os-getConsoleOutput',
  policy: 'os-console-output',
  body: [{ schema: consoleBody }],
  success: 200,
  handler: async (call) => {
    const asked = call.body as {
      readonly 'os-getConsoleOutput': { readonly length?: number | string | null };
    };
    const { length } = asked['os-getConsoleOutput'];
    const log = printable(await readConsole(call));
    return { output: lastLines(log, Number(length ?? -1)) };
  },
};

async function readConsole(call: ComputeCall): Promise<Uint8Array> {
  const { id, grant } = call.server;
  if (grant === undefined) throw conflict(`Instance ${id} is not ready`);
  try {
    return await call.context.nodes.consoleOutput(grant.host, id, MAX_CONSOLE_BYTES);
  } catch (error) {
    if (!(error instanceof NodeFault)) throw error;
    if (error.code === 'not-found') throw notFound('Guest does not have a console available.');
    throw new ComputeFault(
      503,
      `The console of instance ${id} can't be read now: ${error.message}`,
      {
        'retry-after': '1',
      },
    );
  }
}

/** ASCII, without control characters other than tab and line feed, as Nova returns it. */
function printable(bytes: Uint8Array): string {
  const isKept = (character: string): boolean =>
    character >= ' ' || character === '\t' || character === '\n';
  return Array.from(new TextDecoder().decode(bytes))
    .filter(isKept)
    .map((character) => (character > '\u007f' ? '?' : character))
    .join('');
}

/** −1 is all. */
function lastLines(text: string, count: number): string {
  if (count < 0) return text;
  return count === 0 ? '' : text.split('\n').slice(-count).join('\n');
}
