// Brings the configuration together: defaults, then cluster.config.ts, then the command line. Every fault is told at once.
import { checkConfig } from '#runtime/config/check.ts';
import { type Config, configSchema, defaultConfig, type PartialConfig } from './schema.ts';

/** Types what cluster.config.ts exports. */
export function defineConfig(config: PartialConfig): PartialConfig {
  return config;
}

/** Later parts win. Throws a ConfigFault. */
export function mergeConfig(
  parts: readonly { readonly source: string; readonly config: PartialConfig }[],
): Config {
  let merged: Record<string, unknown> = { ...defaultConfig };
  for (const { config } of parts) merged = merge(merged, config);
  return checkConfig(configSchema, merged, parts.map((part) => part.source).join(' with '));
}

function merge(
  base: Record<string, unknown>,
  over: Record<string, unknown>,
): Record<string, unknown> {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const before = base[key];
    merged[key] = isPlain(before) && isPlain(value) ? merge(before, value) : value;
  }
  return merged;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
