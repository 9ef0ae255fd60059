// Every command that README.md tells people to type is run: here, word for word, in a private directory over the simulated
// hypervisor, or by the test or script that is named for it. Needs no root.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, freePort, root } from './launched-cloud.ts';

/** Commands that are not run as part of their block: the words that show where they are run. */
const elsewhere: Readonly<Record<string, { readonly file: string; readonly words: string }>> = {
  './kilonova up': { file: 'test/e2e/readme.test.ts', words: 'in the foreground' },
  './kilonova doctor': { file: 'test/e2e/readme.test.ts', words: 'tells what it found' },
  './kilonova test': { file: '.ci/run', words: './kilonova test' },
  'npm run check': {
    file: 'src/cli/test.ts',
    words: "'check:types', 'check:format', 'check:lint'",
  },
  'npm run bench': { file: 'test/e2e/readme.test.ts', words: "'bench', '--', 'storm'" },
};

const blocks = [
  ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm),
]
  .map((match) => (match[1] ?? '').split('\n'))
  .map((lines) => lines.map((line) => line.replace(/\s+# .*$/, '').trim()).filter(Boolean));
const commands = blocks.flat();

/** As a checkout looks to its user, but for settings that keep it to itself. */
let place: string;

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'kilonova-readme-'));
  const config = {
    listen: { host: '127.0.0.1', port: await freePort() },
    data: join(place, 'data'),
    hypervisor: { kind: 'simulated' },
  };
  const configPath = join(place, 'cluster.config.ts');
  writeFileSync(configPath, `export default ${JSON.stringify(config)};\n`);
  const launcher = `#!/bin/sh\nexec '${join(root, 'kilonova')}' "$@" --config '${configPath}'\n`;
  writeFileSync(join(place, 'kilonova'), launcher, { mode: 0o755 });
});

afterAll(async () => {
  const { code, stdout, stderr } = await script('./kilonova down --purge');
  if (code !== 0) throw new Error(`down --purge failed, look at ${place}: ${stdout}${stderr}`);
  rmSync(place, { recursive: true, force: true });
});

function script(text: string): Promise<CommandResult> {
  return execute('bash', ['-euo', 'pipefail', '-c', text], place);
}

/** Never rejects: the exit code tells. */
function execute(
  command: string,
  args: readonly string[],
  directory: string,
): Promise<CommandResult> {
  return new Promise((done) => {
    const options = { cwd: directory, timeout: 300_000, maxBuffer: 16 * 1024 ** 2 };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      done({ code, stdout, stderr });
    });
  });
}

describe('the commands of README.md', () => {
  it('are there', () => {
    expect(commands).toContain('./kilonova up --detach');
    expect(commands.filter((command) => command.startsWith('openstack server')).length).toBe(2);
  });

  it.each(blocks.map((lines) => ({ lines, first: lines[0] })))(
    '$first … work as they stand',
    async ({ lines }) => {
      const text = lines.filter((line) => !(line in elsewhere)).join('\n');
      const { code, stdout, stderr } = await script(text);
      if (code !== 0) await script('./kilonova down');
      expect({ code, output: code === 0 ? '' : `${stdout}${stderr}` }).toEqual({
        code: 0,
        output: '',
      });
    },
  );

  it.each(Object.entries(elsewhere))(
    '%s is run by the file that is named for it',
    (command, { file, words }) => {
      expect(commands).toContain(command);
      expect(readFileSync(join(root, file), 'utf8').split(words).length).toBeGreaterThan(
        file === 'test/e2e/readme.test.ts' ? 2 : 1,
      );
    },
  );

  it('npm run check is the checks that ./kilonova test runs', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Readonly<Record<string, string>>;
    };
    expect(scripts['check']).toBe(
      'npm run check:types && npm run check:format && npm run check:lint',
    );
  });

  it('./kilonova doctor tells what it found', async () => {
    const { code, stdout } = await script('./kilonova doctor');
    expect(code).toBeLessThanOrEqual(1);
    expect(stdout).toMatch(/^ok {5}node: v\d+/m);
    expect(stdout).toMatch(/^ok {5}port 127\.0\.0\.1:\d+: free$/m);
  });

  it('./kilonova up stays in the foreground until Ctrl-C', async () => {
    const cloud = spawn(join(place, 'kilonova'), ['up'], {
      cwd: place,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const ready = new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        output += chunk.toString();
        if (/^ready in /m.test(output)) resolve();
      };
      cloud.stdout.on('data', hear);
      cloud.stderr.on('data', hear);
      cloud.on('close', () => reject(new Error(`it ended before it was ready: ${output}`)));
    });
    await ready;
    const ended = new Promise<number | null>((resolve) => cloud.on('close', resolve));
    cloud.kill('SIGINT');
    expect(await ended).toBe(0);
  });

  it('npm run bench measures, and a storm of creates has no errors', async () => {
    const { stdout, stderr } = await execute(
      'npm',
      ['run', '--silent', 'bench', '--', 'storm'],
      root,
    );
    expect(`${stdout}${stdout === '' ? stderr : ''}`).toMatch(
      /^\| 1000 creates .*\| \d+\/s, 0 errors /m,
    );
  });
});
