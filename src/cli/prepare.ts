// Makes a host ready for the cloud: Debian packages, libvirt's daemon, the tiny image. Each step that does something
// says so; on a host that is ready nothing is said and little time is spent.
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#config/schema.ts';
import type { TinyImage } from '#main';
import { installNeeds, isThere, missingNeeds, type Need } from './debian.ts';
import { root } from './settings.ts';

/** Returns the image that the cloud offers as `tiny`; of a compute member, which offers none, it has no path. */
export async function prepareHost(config: Config, say: (line: string) => void): Promise<TinyImage> {
  if (config.hypervisor.kind === 'simulated') return simulatedImage(config.data);
  const hasHosts = config.cluster.roles.includes('compute');
  if (hasHosts) await prepareHypervisor(config, say);
  const isOffering = config.cluster.roles.includes('controller');
  return { path: isOffering ? await tinyImage(say) : '', diskFormat: 'qcow2' };
}

/** For hosts in namespaces: the same packages, a Redis, and the image; libvirt's daemons are the lab's own. */
export async function prepareForLab(say: (line: string) => void): Promise<void> {
  const redis = missingNeeds({ tests: true }).filter((need) => need.proof === 'redis-server');
  await installMissing([...missingNeeds({ tests: false }), ...redis], say);
  await tinyImage(say);
}

async function installMissing(
  missing: readonly Need[],
  say: (line: string) => void,
): Promise<void> {
  if (missing.length === 0) return;
  if (!canInstall()) throw new Error(whatIsMissing(missing));
  await installNeeds(missing, say);
}

async function prepareHypervisor(config: Config, say: (line: string) => void): Promise<void> {
  await installMissing(missingNeeds({ tests: false }), say);
  if (process.getuid?.() !== 0) throw new Error(notRoot());
  const { startLibvirtDaemon } = await import('./libvirt-daemon.ts');
  await startLibvirtDaemon({ uri: config.hypervisor.uri, data: config.data, say });
}

/** Built once per version of its builder, and kept with the checkout's tools. */
export async function tinyImage(say: (line: string) => void): Promise<string> {
  const { buildTinyImage } = await import('./tiny-image/build.ts');
  const outputDirectory = join(root, '.tools', 'images');
  const { path } = await buildTinyImage({
    outputDirectory,
    cacheDirectory: join(root, '.tools', 'image-cache'),
    onProgress: say,
  });
  return path;
}

const SIMULATED_BYTES = 1_048_576;

/** Simulated guests run nothing, so that an empty disk does. */
function simulatedImage(data: string): TinyImage {
  const path = join(data, 'tiny.raw');
  if (!existsSync(path)) {
    writeFileSync(path, '');
    truncateSync(path, SIMULATED_BYTES);
  }
  return { path, diskFormat: 'raw' };
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && isThere('apt-get') && existsSync('/etc/debian_version');
}

function whatIsMissing(missing: readonly Need[]): string {
  const lines = missing.map(
    (need) => `  - ${need.proof}: ${need.purpose} (Debian package ${need.package})`,
  );
  const names = [...new Set(missing.map((need) => need.package))].join(' ');
  return [
    'this host lacks what real guests need:',
    ...lines,
    `Mend: as root, apt-get install ${names}; then run this again.`,
    'Or try it without real guests: ./kilonova up --hypervisor simulated',
  ].join('\n');
}

function notRoot(): string {
  return [
    'real guests need root: for bridges, address translation and libvirt.',
    'Mend: run ./kilonova up as root.',
    'Or try it without real guests: ./kilonova up --hypervisor simulated',
  ].join('\n');
}
