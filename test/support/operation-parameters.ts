// What each operation is told in tests, where it must be told something; `pick` chooses among the possible.
import type { ServerPort } from '#actors/domain/server.ts';
import type { ServerSnapshot } from '#actors/domain/server-snapshot.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import type { OperationName } from '#actors/instance/protocol.ts';
import { otherImage, testImage } from './test-image.ts';

export function parametersFor(
  operation: OperationName,
  pick = 1,
  imageId?: string,
): { readonly parameters?: OperationParameters } {
  const image = pick % 2 === 0 ? testImage : otherImage;
  switch (operation) {
    case 'rebuild':
      return { parameters: { rebuild: { image, preserveEphemeral: pick % 3 === 0 } } };
    case 'rescue':
      return { parameters: { rescue: { image } } };
    case 'soft-delete':
      return { parameters: { reclaimAfterMs: pick % 2 === 0 ? 20_000 : 3_600_000 } };
    case 'shelve':
      return {
        parameters: {
          snapshot: snapshotOf(operation, pick, imageId ?? nextImageId()),
          ...[{ offloadAfterMs: 0 }, {}, { offloadAfterMs: 20_000 }][pick % 3],
        },
      };
    case 'unshelve-offloaded':
      return { parameters: { shelvedImage: otherImage } };
    case 'snapshot':
    case 'backup':
      return { parameters: { snapshot: snapshotOf(operation, pick, imageId ?? nextImageId()) } };
    case 'change-addresses':
      return { parameters: addressParameters(pick) };
    case 'set-password':
      return { parameters: { password: { user: 'root', adminPass: `password-${pick}` } } };
    case 'attach-interface':
    case 'detach-interface':
      return { parameters: interfaceParameters(operation, `port-${pick}`) };
    default:
      return {};
  }
}

/** Another port on the network of the server's first one, or the last one that it has. */
export function interfaceParameters(
  operation: 'attach-interface' | 'detach-interface',
  newPortId: string,
  ports: readonly Pick<ServerPort, 'portId' | 'networkId'>[] = [],
): OperationParameters {
  const networkId = ports[0]?.networkId ?? 'network-1';
  return operation === 'attach-interface'
    ? { attach: { port: { portId: newPortId, existing: false, networkId } } }
    : { detach: { portId: ports.at(-1)?.portId ?? newPortId, networkId } };
}

/** One address more on the server's last port, or its last one less. */
export function addressParameters(
  pick: number,
  ports: readonly Pick<ServerPort, 'portId' | 'networkId' | 'fixedIps'>[] = [],
): OperationParameters {
  const { portId = 'port-1', networkId = 'network-1', fixedIps = [] } = ports.at(-1) ?? {};
  const last = fixedIps.at(-1);
  const change =
    pick % 2 === 0 || fixedIps.length < 2
      ? { add: last?.subnetId ?? 'subnet-1' }
      : { remove: last?.address ?? '' };
  return { addresses: { portId, networkId, ...change } };
}

let made = 0;

/** For who does not mind which: each is another one. */
function nextImageId(): string {
  made += 1;
  return `image-${made}`;
}

function snapshotOf(
  operation: 'snapshot' | 'backup' | 'shelve',
  pick: number,
  imageId: string,
): ServerSnapshot {
  const isBackup = operation === 'backup';
  return {
    id: imageId,
    name: operation,
    ownerId: 'project-1',
    minDiskGiB: 1,
    minRamMiB: 0,
    properties: { image_type: operation, ...(isBackup ? { backup_type: 'daily' } : {}) },
    ...(isBackup ? { rotation: { backupType: 'daily', keep: pick % 3 } } : {}),
  };
}
