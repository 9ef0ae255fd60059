// One line for each command and event: kind, type, version, and a digest of its shape. What differs in a golden file
// of these lines is a change of what travels or of what journals hold. Pure.
import { createHash } from 'node:crypto';
import type { DocumentedEntity } from './entities.ts';
import { canonicalJson } from './shape-text.ts';

export interface Fingerprint {
  readonly sort: 'command' | 'event';
  readonly type: string;
  readonly version: number;
  readonly digest: string;
}

export function fingerprintsOf(entities: readonly DocumentedEntity[]): readonly Fingerprint[] {
  const all = entities.flatMap(({ definition }): Fingerprint[] => [
    ...Object.entries(definition.commands).map(([type, { version, body, reply }]) => ({
      sort: 'command' as const,
      type,
      version,
      digest: digestOf([body, reply]),
    })),
    ...Object.entries(definition.events).map(([type, { version, data }]) => ({
      sort: 'event' as const,
      type,
      version,
      digest: digestOf(data),
    })),
  ]);
  return all.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** Without the version: what a golden line is found by. */
export function keyOf({ sort, type }: Pick<Fingerprint, 'sort' | 'type'>): string {
  return `${sort} ${type}`;
}

export function renderFingerprints(fingerprints: readonly Fingerprint[]): string {
  return fingerprints.map((one) => `${keyOf(one)} ${one.version} ${one.digest}\n`).join('');
}

export function parseFingerprints(text: string): readonly Fingerprint[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [sort = '', type = '', version = '', digest = ''] = line.split(' ');
      return { sort: sort as Fingerprint['sort'], type, version: Number(version), digest };
    });
}

function digestOf(shape: unknown): string {
  return createHash('sha256').update(canonicalJson(shape)).digest('hex').slice(0, 16);
}
