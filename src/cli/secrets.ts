// The cloud's passwords and keys, made once and kept in the data directory, readable by its owner only.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Secrets {
  /** This cloud's id: marks its guests, bridges and rules. */
  readonly cluster: string;
  readonly adminPassword: string;
  readonly userPassword: string;
  /** Sign tokens; the first one signs, all of them verify. `secret` is base64. */
  readonly tokenKeys: readonly { readonly id: string; readonly secret: string }[];
}

export function loadSecrets(data: string): Secrets {
  const path = join(data, 'secrets.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Secrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Error(`${path} can't be read: ${String(error)}`, { cause: error });
  }
  const secrets: Secrets = {
    cluster: randomBytes(4).toString('hex'),
    adminPassword: randomBytes(12).toString('base64url'),
    userPassword: randomBytes(12).toString('base64url'),
    tokenKeys: [{ id: randomBytes(4).toString('hex'), secret: randomBytes(32).toString('base64') }],
  };
  writeFileSync(`${path}.tmp`, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
  return secrets;
}
