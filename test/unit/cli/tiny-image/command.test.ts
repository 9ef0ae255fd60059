// A failed step of the build says what failed, why, and what mends it.

import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { runCommand } from '#cli/tiny-image/command.ts';

describe('runCommand', () => {
  it('resolves with what the command printed', async () => {
    const printed = await runCommand('sh', ['-c', 'pwd; echo $WHO $LC_ALL'], {
      mend: '',
      directory: tmpdir(),
      environment: { WHO: 'me' },
    });
    expect(printed).toBe(`${tmpdir()}\nme C\n`);
  });

  it('names a command that is not there, and its mend', async () => {
    const run = runCommand('no-such-command', [], { mend: 'install it' });
    await expect(run).rejects.toThrow("no-such-command can't be found\n  Mend: install it");
  });

  it('gives the last words of a command that fails, warnings aside', async () => {
    const script =
      'echo one >&2; echo two >&2; echo W: no >&2; echo three >&2; echo four >&2; exit 7';
    const run = runCommand('sh', ['-c', script], { mend: 'try again' });
    await expect(run).rejects.toThrow(
      `'sh -c ${script}' failed: two / three / four\n  Mend: try again`,
    );
  });

  it('ends a command that takes too long', async () => {
    const run = runCommand('sleep', ['60'], { mend: 'wait', timeoutMs: 50 });
    await expect(run).rejects.toThrow("'sleep 60' failed: took longer than 0.05 s\n  Mend: wait");
  });
});
