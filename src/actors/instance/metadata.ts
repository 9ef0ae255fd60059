// What an instance's state tells its guest. Pure.
import type { InstanceMetadata, InstanceNetwork } from '../domain/instance-metadata.ts';
import type { InstanceState } from './state.ts';

export interface MetadataParts {
  readonly networks: readonly InstanceNetwork[];
  /** 512 bytes by chance. */
  readonly randomSeed: Uint8Array;
}

/** Undefined for a server that is not there. */
export function metadataOf(
  state: InstanceState,
  parts: MetadataParts,
): InstanceMetadata | undefined {
  const { request } = state;
  if (state.existence !== 'exists' || request === undefined) return undefined;
  const { key, userData, image } = request;
  return {
    uuid: state.id,
    name: request.name,
    hostname: request.hostname,
    projectId: request.projectId,
    availabilityZone: state.grant?.availabilityZone ?? request.availabilityZone ?? null,
    launchIndex: request.launchIndex,
    reservationId: request.reservationId,
    instanceNumber: numberOf(state.id),
    imageNumber: image === undefined ? undefined : numberOf(image.id),
    flavorName: request.flavor.name,
    meta: request.metadata,
    key: key === undefined ? undefined : { name: key.name, type: key.type, data: key.publicKey },
    userData:
      userData === undefined ? undefined : Uint8Array.fromBase64(userData.replaceAll(/\s/g, '')),
    files: request.personality.map(({ path, contents }) => ({
      path,
      content: Uint8Array.fromBase64(contents.replaceAll(/\s/g, '')),
    })),
    networks: parts.networks,
    securityGroups: request.securityGroups,
    devices: [],
    blockDevices: { ami: 'vda', root: '/dev/vda' },
    dedicatedCpus: [],
    adminPass: state.operation?.parameters.rescue?.adminPass ?? request.adminPass,
    randomSeed: parts.randomSeed,
    vendorData: {},
    password: state.savedPassword ?? '',
  };
}

/** Ids have no numbers here; EC2's forms get the first 32 bits of the UUID. */
function numberOf(uuid: string): number {
  return Number.parseInt(uuid.slice(0, 8), 16);
}
