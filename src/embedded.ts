// A cloud in one process, the default: a SQLite journal, the hosts of this machine, all APIs.
import { join } from 'node:path';
import { writerSink } from '#actors/node/image-sink.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { schedulerSettings } from '#actors/scheduler/settings.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { Env } from '#runtime/env/env.ts';
import { realEnv } from '#runtime/env/real.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { Assembly } from './assembly.ts';
import { Endings } from './endings.ts';
import {
  activeImages,
  buildApi,
  buildGuestDoor,
  configDriveOf,
  portOf,
  urlOf,
} from './front-door.ts';
import { openLocalJournal } from './local-journal.ts';
import { openHosts, type OpenHosts } from './machines.ts';
import type { Cloud, CloudOptions } from './main.ts';
import { addNeighbours, type Neighbours, seedCloud, sweepNeighbours } from './neighbours.ts';

/** Resolves when the APIs answer. Rejects in words if a port can't be opened; nothing is left open then. */
export async function startEmbedded(options: CloudOptions): Promise<Cloud> {
  const { config, secrets } = options;
  const log = createLog({ level: config.logLevel });
  const env = realEnv(log);
  const endings = new Endings();
  try {
    const [journal, hosts] = await Promise.all([
      openLocalJournal(env, join(config.data, 'journal.db'), endings),
      openHosts({ env, config, cluster: secrets.cluster }).then((open) => {
        endings.add(() => open.close());
        return open;
      }),
    ]);
    const parts = await assemble({ ...options, env, journal, endings });
    const guestDoor = buildGuestDoor(parts);
    endings.add(() => guestDoor.close());
    await guestDoor.listen({ host: '0.0.0.0', port: config.network.metadataPort });
    await addNodes(parts, { hosts, metadataPort: portOf(guestDoor) });
    parts.assembly.start();
    const app = buildApi(parts);
    endings.add(() => app.close());
    await app.listen(config.listen);
    const url = urlOf(app, config.listen.host);
    log.info({ url }, 'ready');
    return { url, log, stop: () => endings.run() };
  } catch (error) {
    await endings.run();
    throw error;
  }
}

interface Parts extends CloudOptions {
  readonly assembly: Assembly;
  readonly neighbours: Neighbours;
}

async function assemble(
  options: CloudOptions & {
    readonly env: Env;
    readonly journal: Journal;
    readonly endings: Endings;
  },
): Promise<Parts> {
  const { env, journal, config, secrets, tinyImage, onEnd } = options;
  const epoch = await journal.nextEpoch('process');
  const assembly = new Assembly({
    env,
    name: 'kilonova',
    journal,
    authority: soleAuthority({ epoch, fence: 'process' }, () =>
      onEnd('another process took over this data directory', 1),
    ),
    quotas: defaultQuotaLimits,
    scheduler: schedulerSettings(config.scheduler),
  });
  options.endings.add(() => assembly.stop());
  const neighbours = addNeighbours(assembly, { env, config, secrets });
  await assembly.recover();
  await sweepNeighbours(neighbours);
  await seedCloud(assembly, neighbours, { env, config, secrets, tinyImage });
  return { ...options, assembly, neighbours };
}

async function addNodes(
  parts: Parts,
  machine: { readonly hosts: OpenHosts; readonly metadataPort: number },
): Promise<void> {
  const { assembly, neighbours, config, secrets } = parts;
  const { networks, images } = neighbours;
  await Promise.all(
    machine.hosts.ports.map((ports) =>
      assembly.addNode(
        {
          env: assembly.env,
          cluster: secrets.cluster,
          ...ports,
          imageSource: ({ id, format, sha512, sizeBytes }) => ({
            id,
            format,
            sha512,
            sizeBytes,
            open: () => images.open(id),
          }),
          imageSink: writerSink(() => neighbours.imageWriter),
          imageIds: () => activeImages(neighbours),
          networkIds: () => networks.flatNetworkIds(),
          networkSpec: (networkId) => networks.hostNetworkSpec(networkId, machine.metadataPort),
          configDrive: (serverId) => configDriveOf(parts, serverId),
        },
        {
          availabilityZone: config.availabilityZone,
          hostIp: config.listen.host,
          inventories: (facts) => defaultInventories(facts, config.allocationRatios),
        },
      ),
    ),
  );
}
