// The opaque name of a host within a project: equal for servers on one host, different between projects. Pure.
import { createHash } from 'node:crypto';

/** Empty while there is no host. */
export function hostIdOf(projectId: string, host: string | undefined): string {
  if (host === undefined) return '';
  return createHash('sha224').update(`${projectId}${host}`).digest('hex');
}
