// The names of quota limits. Pure.
import type { QuotaLimits } from './protocol.ts';

/** Kept by the network service; only remembered here. */
export const networkQuotas = [
  'fixed_ips',
  'floating_ips',
  'security_group_rules',
  'security_groups',
] as const satisfies readonly (keyof QuotaLimits)[];

export const quotaNames: readonly (keyof QuotaLimits)[] = [
  'instances',
  'cores',
  'ram',
  'metadata_items',
  'key_pairs',
  'server_groups',
  'server_group_members',
  'injected_files',
  'injected_file_content_bytes',
  'injected_file_path_bytes',
  ...networkQuotas,
];

/** Without what is no quota. */
export function knownLimits(limits: Readonly<Record<string, number>>): Partial<QuotaLimits> {
  return Object.fromEntries(
    quotaNames.flatMap((name) => (limits[name] === undefined ? [] : [[name, limits[name]]])),
  );
}
