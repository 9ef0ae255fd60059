// From the command line to a configuration: reads cluster.config.ts and lays the options over it.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mergeConfig } from '#config/load.ts';
import type { Config, PartialConfig } from '#config/schema.ts';
import type { ConfigArguments } from './arguments.ts';

/** The checkout that this program runs from. */
export const root = resolve(import.meta.dirname, '../..');

/** Throws in words: a file that is not there, options that make no sense, every fault of the settings. */
export async function readSettings(
  options: ConfigArguments & {
    readonly hypervisor?: 'libvirt' | 'simulated';
    readonly hosts?: string;
  },
): Promise<Config> {
  const path = resolve(root, options.config);
  if (!existsSync(path))
    throw new Error(`there is no settings file ${path}: name one with --config`);
  const file = (await import(pathToFileURL(path).href)) as { default?: PartialConfig };
  if (file.default === undefined)
    throw new Error(`${path} has no default export: write export default defineConfig({ … })`);
  const config = mergeConfig([
    { source: options.config, config: file.default },
    { source: 'the command line', config: fromOptions(options) },
  ]);
  return {
    ...config,
    data: resolve(options.data === undefined ? root : process.cwd(), config.data),
  };
}

function fromOptions(options: Parameters<typeof readSettings>[0]): PartialConfig {
  const hypervisor = {
    ...(options.hypervisor === undefined ? {} : { kind: options.hypervisor }),
    ...(options.hosts === undefined ? {} : { hosts: wholeNumber('--hosts', options.hosts) }),
  };
  if (options.hosts !== undefined && options.hypervisor !== 'simulated') {
    throw new Error('--hosts counts simulated hosts: give --hypervisor simulated with it');
  }
  return {
    ...(options.data === undefined ? {} : { data: options.data }),
    ...(options.listen === undefined ? {} : { listen: parseListen(options.listen) }),
    hypervisor,
  };
}

/** `HOST:PORT`, `[V6]:PORT`, `:PORT` or `PORT`. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const found = /^(?:(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):)?(\d+)$/.exec(text);
  if (found === null) throw new Error(`--listen ${text} is not HOST:PORT, such as 127.0.0.1:8774`);
  const host = found[1] ?? (found[2] === undefined || found[2] === '' ? '127.0.0.1' : found[2]);
  return { host, port: wholeNumber('--listen', found[3] ?? '') };
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${option} wants a whole number, not ${text}`);
  return Number(text);
}
