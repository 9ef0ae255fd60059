// From a server's plan to what the hypervisor is to start. Pure: paths and devices are handed in.
import type { GuestDisk, GuestInterface, GuestSpec } from '#hypervisor/port.ts';
import { instanceName } from '../domain/instance-name.ts';
import type { ServerPort } from '../domain/server.ts';
import type { GuestPlan } from './protocol.ts';

export interface GuestParts {
  readonly cluster: string;
  readonly host: string;
  readonly runEpoch: number;
  readonly rootDisk: string;
  /** Set while it is rescued: then it boots from here. */
  readonly rescueDisk?: string | undefined;
  readonly ephemeralDisk: string | undefined;
  readonly swapDisk: string | undefined;
  readonly configDrive: string | undefined;
  readonly consoleLogPath: string;
  /** In the order of the plan's ports. */
  readonly interfaces: readonly {
    readonly bridge: string;
    readonly tap: string;
    readonly mtu: number;
  }[];
}

export function guestSpec(plan: GuestPlan, parts: GuestParts): GuestSpec {
  return {
    id: plan.serverId,
    name: instanceName(plan.serverId),
    title: plan.name,
    vcpus: plan.flavor.vcpus,
    memoryMiB: plan.flavor.ramMiB,
    disks: disksOf(plan, parts),
    interfaces: parts.interfaces.map((device, index): GuestInterface => {
      const port = plan.ports[index];
      if (port === undefined) throw new Error(`server ${plan.serverId} has no port ${index}`);
      return interfaceOf(plan, port, device);
    }),
    ...(wantsAgent(plan) ? { hasAgentChannel: true } : {}),
    consoleLogPath: parts.consoleLogPath,
    mark: { cluster: parts.cluster, host: parts.host, runEpoch: parts.runEpoch },
  };
}

/** Nova's property of images whose system runs QEMU's agent. */
function wantsAgent({ image }: GuestPlan): boolean {
  return /^(1|t|true|on|y|yes)$/i.test(image?.properties['hw_qemu_guest_agent'] ?? '');
}

export function interfaceOf(
  plan: GuestPlan,
  { mac }: Pick<ServerPort, 'mac'>,
  { bridge, tap, mtu }: GuestParts['interfaces'][number],
): GuestInterface {
  return { mac, bridge, tap, mtu, model: interfaceModel(plan) };
}

function interfaceModel(plan: GuestPlan): GuestInterface['model'] {
  return plan.image?.properties['hw_vif_model'] === 'e1000' ? 'e1000' : 'virtio';
}

function disksOf(plan: GuestPlan, parts: GuestParts): readonly GuestDisk[] {
  const { rescueDisk, rootDisk, ephemeralDisk, swapDisk } = parts;
  const wanted =
    rescueDisk === undefined ? [rootDisk, ephemeralDisk, swapDisk] : [rescueDisk, rootDisk];
  const paths = wanted.filter((path) => path !== undefined);
  const disks = paths.map(
    (path, index): GuestDisk => ({
      target: `vd${String.fromCharCode(97 + index)}`,
      device: 'disk',
      bus: 'virtio',
      format: 'qcow2',
      path,
      readonly: false,
      ...(index === 0 ? { bootOrder: 1 } : {}),
    }),
  );
  return parts.configDrive === undefined
    ? disks
    : [...disks, configDriveOf(plan, parts.configDrive)];
}

/**
 * A read-only virtio disk, the last one, as Nova places it: kernels made for clouds have no driver for SATA. Images
 * that need a CD say so by Nova's property hw_cdrom_bus.
 */
function configDriveOf(plan: GuestPlan, path: string): GuestDisk {
  const bus = plan.image?.properties['hw_cdrom_bus'];
  if (bus === 'sata' || bus === 'ide' || bus === 'scsi') {
    return {
      target: bus === 'ide' ? 'hdd' : 'sda',
      device: 'cdrom',
      bus,
      format: 'raw',
      path,
      readonly: true,
    };
  }
  return { target: 'vdz', device: 'disk', bus: 'virtio', format: 'raw', path, readonly: true };
}
