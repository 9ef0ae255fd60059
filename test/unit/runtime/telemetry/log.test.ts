// What is logged, how, and what must never be.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { Log } from '#runtime/env/env.ts';
import { createLog, logFile, type LogLevel } from '#runtime/telemetry/log.ts';
import { redactSecrets } from '#runtime/telemetry/redact.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

function createCollecting(level: LogLevel = 'debug'): {
  log: Log;
  entries: () => Record<string, unknown>[];
} {
  const lines: string[] = [];
  const log = createLog({ level, destination: { write: (line) => void lines.push(line) } });
  return { log, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('log', () => {
  it('writes one JSON object a line, with level, time, fields and message', () => {
    const { log, entries } = createCollecting();
    log.info({ server: 'vm1', requestId: 'req-1' }, 'created');
    expect(entries()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        server: 'vm1',
        requestId: 'req-1',
        msg: 'created',
      },
    ]);
  });

  it('drops what is below its level', () => {
    const { log, entries } = createCollecting('warn');
    log.debug({}, 'debug');
    log.info({}, 'info');
    log.warn({}, 'warn');
    log.error({}, 'error');
    expect(entries().map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  it('children carry their fields', () => {
    const { log, entries } = createCollecting();
    log.child({ node: 'n1' }).child({ guest: 'g1' }).warn({ code: 1 }, 'stopped');
    expect(entries()).toMatchObject([{ node: 'n1', guest: 'g1', code: 1, msg: 'stopped' }]);
  });

  it('errors come with message, stack and cause', () => {
    const { log, entries } = createCollecting();
    log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
    expect(entries()).toMatchObject([
      {
        err: {
          type: 'Error',
          message: 'outer: inner',
          stack: expect.stringContaining('caused by: Error: inner'),
        },
      },
    ]);
  });

  it('secrets stay out, in fields, children and errors', () => {
    const { log, entries } = createCollecting();
    const error = Object.assign(new Error('refused'), {
      request: { headers: { 'X-Auth-Token': 'gAAAA-1' } },
    });
    log
      .child({ token: 'gAAAA-2' })
      .info({ body: { server: { adminPass: 'hunter3', name: 'vm1' } } }, 'asked');
    log.error({ err: error, user: { password: 'hunter4' } }, 'failed');
    const text = JSON.stringify(entries());
    expect(text).not.toMatch(/gAAAA|hunter/);
    expect(entries()[0]).toMatchObject({
      token: '[redacted]',
      body: { server: { adminPass: '[redacted]', name: 'vm1' } },
    });
  });

  it('a log file is made with its directory and appended to at once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-log-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'logs', 'kilonova.log');
    createLog({ level: 'info', destination: logFile(path) }).info({}, 'first');
    createLog({ level: 'info', destination: logFile(path) }).info({}, 'second');
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'first',
      'second',
    ]);
  });

  it('the silent log says nothing and has silent children', () => {
    expect(silentLog.child({})).toBe(silentLog);
    expect(silentLog.error({}, 'unheard')).toBeUndefined();
  });
});

describe('redaction', () => {
  it.each([
    'password',
    'adminPass',
    'admin_pass',
    'token',
    'X-Auth-Token',
    'x-subject-token',
    'private_key',
    'user_data',
    'secret',
    'application_credential_secret',
    'originalPassword',
    'Authorization',
    'Cookie',
    'passphrase',
  ])('%s is a secret', (name) => {
    expect(redactSecrets({ [name]: 'value', list: [{ [name]: ['value'] }] })).toEqual({
      [name]: '[redacted]',
      list: [{ [name]: '[redacted]' }],
    });
  });

  it('other fields are left as they are, and nothing is copied without need', () => {
    const fields = {
      tokens: 3,
      key_name: 'k',
      public_key: 'ssh-rsa',
      passed: true,
      list: [1, { a: null }],
      when: new Date(0),
    };
    expect(redactSecrets(fields)).toBe(fields);
  });

  it('the original keeps its secret', () => {
    const fields = { deep: { password: 'hunter2' } };
    redactSecrets(fields);
    expect(fields).toEqual({ deep: { password: 'hunter2' } });
  });

  it('has a bottom, so that circles end', () => {
    const circle: Record<string, unknown> = { password: 'hunter2' };
    circle['self'] = circle;
    const text = JSON.stringify(redactSecrets(circle));
    expect(text).toContain('[too deep]');
    expect(text).not.toContain('hunter2');
  });
});
