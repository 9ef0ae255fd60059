// From the command line to a configuration: reads cluster.config.ts and lays over it what the data directory's member file
// says, and then the options.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mergeConfig } from '#config/load.ts';
import type { Config, PartialConfig } from '#config/schema.ts';
import { readMemberFile } from '../member-file.ts';
import type { MemberArguments } from './arguments.ts';

/** The checkout that this program runs from. */
export const root = resolve(import.meta.dirname, '../..');

/** Throws in words: a file that is not there, options that make no sense, every fault of the settings. */
export async function readSettings(options: MemberArguments): Promise<Config> {
  const path = resolve(root, options.config);
  if (!existsSync(path))
    throw new Error(`there is no settings file ${path}: name one with --config`);
  const file = (await import(pathToFileURL(path).href)) as { default?: PartialConfig };
  if (file.default === undefined)
    throw new Error(`${path} has no default export: write export default defineConfig({ … })`);
  const given = [
    { source: options.config, config: file.default },
    { source: 'the command line', config: fromOptions(options) },
  ];
  const data = dataOf(options, mergeConfig(given).data);
  const member = readMemberFile(data);
  if (member === undefined) return withPaths(mergeConfig(given), data);
  given.splice(1, 0, { source: `${data}/member.json`, config: member.settings });
  return withPaths(mergeConfig(given), data);
}

/** Paths in the settings are from the checkout; those of the command line are whole already. */
function withPaths(config: Config, data: string): Config {
  const { policyFile } = config;
  return policyFile === undefined
    ? { ...config, data }
    : { ...config, data, policyFile: resolve(root, policyFile) };
}

function dataOf(options: MemberArguments, data: string): string {
  return resolve(options.data === undefined ? root : process.cwd(), data);
}

export function fromOptions(options: MemberArguments): PartialConfig {
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
    ...(options.policy === undefined ? {} : { policyFile: resolve(process.cwd(), options.policy) }),
    ...(Object.keys(hypervisor).length === 0 ? {} : { hypervisor }),
    ...clusterOf(options),
  };
}

function clusterOf({ redis, role, peerListen }: MemberArguments): PartialConfig {
  if (redis === undefined && role === undefined && peerListen === undefined) return {};
  return {
    cluster: {
      ...(redis === undefined ? {} : { redis }),
      ...(role === undefined
        ? {}
        : { roles: role === 'both' ? ['controller', 'compute'] : [role] }),
      ...(peerListen === undefined
        ? {}
        : { transport: { listen: parseListen(peerListen, '--peer-listen') } }),
    },
  };
}

/** `HOST:PORT`, `[V6]:PORT`, `:PORT` or `PORT`. */
export function parseListen(
  text: string,
  option = '--listen',
): { readonly host: string; readonly port: number } {
  const found = /^(?:(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):)?(\d+)$/.exec(text);
  if (found === null) throw new Error(`${option} ${text} is not HOST:PORT, such as 127.0.0.1:8774`);
  const host = found[1] ?? (found[2] === undefined || found[2] === '' ? '127.0.0.1' : found[2]);
  return { host, port: wholeNumber(option, found[3] ?? '') };
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${option} wants a whole number, not ${text}`);
  return Number(text);
}
