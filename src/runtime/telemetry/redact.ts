// Keeps secrets out of logs: the values of fields whose names say that they hold one, at any depth.
// Names are compared without case, dashes and underscores, so one word covers adminPass, admin_pass and Admin-Pass.
// A secret inside a message or under an innocent name is beyond it: don't put it there.

export const redacted = '[redacted]';

const secretNames = new Set([
  'adminpass',
  'authorization',
  'cookie',
  'setcookie',
  'userdata',
  'newpass',
]);
const secretEndings = /(?:password|passwd|passphrase|token|secret|secretkey|privatekey)$/;
/** Nothing worth logging is deeper; cut off rather than searched without end. */
const deepest = 8;
const tooDeep = '[too deep]';

/** The same value when it holds no secret, else a copy without; errors and binary data are left as they are. */
export function redactSecrets(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || isOpaque(value)) return value;
  if (depth >= deepest) return tooDeep;
  if (Array.isArray(value)) return redactList(value, depth);
  let copy: Record<string, unknown> | undefined;
  for (const [name, part] of Object.entries(value)) {
    const safe = isSecret(name) && part !== undefined ? redacted : redactSecrets(part, depth + 1);
    if (safe === part) continue;
    copy ??= { ...value };
    copy[name] = safe;
  }
  return copy ?? value;
}

function redactList(list: readonly unknown[], depth: number): readonly unknown[] {
  const safe = list.map((part) => redactSecrets(part, depth + 1));
  return safe.some((part, index) => part !== list[index]) ? safe : list;
}

function isSecret(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[-_]/g, '');
  return secretNames.has(plain) || secretEndings.test(plain);
}

function isOpaque(value: object): boolean {
  return value instanceof Error || value instanceof Date || ArrayBuffer.isView(value);
}
