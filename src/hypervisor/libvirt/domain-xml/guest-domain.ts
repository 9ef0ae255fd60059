// GuestSpec → libvirt domain XML. Pure: the same spec and host give the same text. The domain is transient; all that
// is to outlive it is the caller's. User text reaches it as escaped text only. Format: libvirt.org/formatdomain.html.

import type { GuestDisk, GuestInterface, GuestSpec } from '../../port.ts';
import { element, renderXml, textElement } from './element.ts';
import type { XmlElement } from './element.ts';
import type { DeviceLayout } from './layout.ts';
import { markElement } from './mark.ts';

/** What the host lends to every guest on it. */
export interface GuestHost {
  readonly virtType: 'kvm' | 'qemu';
  /** As libvirt names it: `x86_64`. */
  readonly architecture: string;
  /**
   * Who runs QEMU. `root` lets it reach files under directories that only root may enter, without changing their
   * owner; `configured` is the user of libvirt's qemu.conf, to whom libvirt then hands the disk files over.
   */
  readonly guestUser: 'root' | 'configured';
}

/** libvirt refuses line breaks in a title; the limit is ours. */
const MAX_TITLE_CHARACTERS = 255;

/**
 * The CPU that TCG guests see: x86-64-v2, the least that today's distributions start on, without the vector
 * instructions that TCG emulates slowly.
 */
const TCG_CPU_MODEL = 'Nehalem';

const DEFAULT_MACHINES: Readonly<Record<string, string>> = { x86_64: 'q35', aarch64: 'virt' };

export interface GuestStart {
  /** Whether what stands in the console log goes first. Resets of the running domain always go on in it. */
  readonly consoleLog: 'new' | 'continued';
  /** Of the domain that it goes on as. */
  readonly layout?: DeviceLayout | undefined;
}

export function guestDomainXml(spec: GuestSpec, host: GuestHost, start: GuestStart): string {
  return renderXml(
    element('domain', { type: host.virtType }, [
      textElement('name', spec.name),
      textElement('uuid', spec.id),
      textElement('title', titleOf(spec)),
      element('metadata', {}, [markElement(spec.mark)]),
      element('memory', { unit: 'MiB' }, [String(spec.memoryMiB)]),
      element('vcpu', { placement: 'static' }, [String(spec.vcpus)]),
      spec.firmwareTable === undefined ? undefined : sysinfo(spec, spec.firmwareTable),
      os(spec, host),
      ...(host.architecture === 'x86_64' ? pcFeatures() : []),
      cpu(spec, host),
      element('clock', { offset: 'utc' }, host.architecture === 'x86_64' ? pcTimers() : []),
      textElement('on_poweroff', 'destroy'),
      textElement('on_reboot', 'restart'),
      textElement('on_crash', 'destroy'),
      element('devices', {}, devices(spec, start)),
      // One fixed label: libvirt neither changes to another user nor changes the owner of a file.
      host.guestUser === 'root'
        ? element('seclabel', { type: 'static', model: 'dac', relabel: false }, [
            textElement('label', '+0:+0'),
          ])
        : undefined,
    ]),
  );
}

function titleOf(spec: GuestSpec): string {
  return spec.title.replace(/[\r\n]+/g, ' ').slice(0, MAX_TITLE_CHARACTERS);
}

function os(spec: GuestSpec, host: GuestHost): XmlElement {
  const machine = spec.machine ?? DEFAULT_MACHINES[host.architecture];
  return element('os', {}, [
    element('type', { arch: host.architecture, machine }, ['hvm']),
    spec.firmwareTable === undefined ? undefined : element('smbios', { mode: 'sysinfo' }),
  ]);
}

function sysinfo(spec: GuestSpec, table: NonNullable<GuestSpec['firmwareTable']>): XmlElement {
  const entry = (name: string, text: string): XmlElement => element('entry', { name }, [text]);
  return element('sysinfo', { type: 'smbios' }, [
    element('system', {}, [
      entry('manufacturer', table.manufacturer),
      entry('product', table.product),
      entry('version', table.version),
      entry('serial', spec.id),
      entry('uuid', spec.id),
      entry('family', table.family),
    ]),
  ]);
}

function pcFeatures(): XmlElement[] {
  return [element('features', {}, [element('acpi'), element('apic')])];
}

function pcTimers(): XmlElement[] {
  return [
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'hpet', present: false }),
  ];
}

function cpu(spec: GuestSpec, host: GuestHost): XmlElement {
  const topology = element('topology', { sockets: spec.vcpus, cores: 1, threads: 1 });
  if (host.virtType === 'kvm') return element('cpu', { mode: 'host-model' }, [topology]);
  if (host.architecture !== 'x86_64') return element('cpu', {}, [topology]);
  return element('cpu', { mode: 'custom', match: 'exact', check: 'none' }, [
    element('model', { fallback: 'forbid' }, [TCG_CPU_MODEL]),
    topology,
  ]);
}

function devices(spec: GuestSpec, start: GuestStart): XmlElement[] {
  const { layout } = start;
  return [
    ...spec.disks.map((one) => disk(one, layout?.addressOf('disk', one.target))),
    // Without this libvirt adds a USB controller that nothing here uses.
    element('controller', { type: 'usb', model: 'none' }),
    ...(layout?.controllers ?? rootPorts(spec)),
    ...spec.interfaces.map((one) => networkInterface(one, layout?.addressOf('interface', one.mac))),
    element('serial', { type: 'pty' }, [
      element('log', {
        file: spec.consoleLogPath,
        append: start.consoleLog === 'new' ? 'off' : 'on',
      }),
      element('target', { port: 0 }),
    ]),
    ...(spec.hasAgentChannel === true ? [agentChannel()] : []),
    element('console', { type: 'pty' }, [element('target', { type: 'serial', port: 0 })]),
    element('rng', { model: 'virtio' }, [
      element('backend', { model: 'random' }, ['/dev/urandom']),
      layout?.addressOf('rng', ''),
    ]),
    element('memballoon', { model: 'virtio' }, [layout?.addressOf('memballoon', '')]),
  ];
}

/** libvirt chooses the socket, under its own directory. */
function agentChannel(): XmlElement {
  return element('channel', { type: 'unix' }, [
    element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
  ]);
}

/** Interfaces that may come while the guest runs. */
const SPARE_PORTS = 4;
/** Random numbers and the balloon. */
const OTHER_DEVICES = 2;

/** Each device on PCI Express has a port of its own, also one that comes later; libvirt alone would make one more than it needs. */
function rootPorts({ disks, interfaces, machine, hasAgentChannel }: GuestSpec): XmlElement[] {
  if (machine !== undefined && !/q35|virt/.test(machine)) return [];
  const onBus = disks.filter(({ bus }) => bus === 'virtio').length + interfaces.length;
  const others = hasAgentChannel === true ? OTHER_DEVICES + 1 : OTHER_DEVICES;
  const count = onBus + others + SPARE_PORTS;
  return [
    element('controller', { type: 'pci', index: 0, model: 'pcie-root' }),
    ...Array.from({ length: count }, () =>
      element('controller', { type: 'pci', model: 'pcie-root-port' }),
    ),
  ];
}

function disk(given: GuestDisk, address?: XmlElement): XmlElement {
  return element('disk', { type: 'file', device: given.device }, [
    element('driver', {
      name: 'qemu',
      // Always said, so that nothing is ever probed from bytes that the guest wrote.
      type: given.format,
      discard: given.device === 'disk' && !given.readonly ? 'unmap' : undefined,
    }),
    element('source', { file: given.path }),
    element('target', { dev: given.target, bus: given.bus }),
    given.readonly ? element('readonly') : undefined,
    given.serial === undefined ? undefined : textElement('serial', given.serial),
    given.bootOrder === undefined ? undefined : element('boot', { order: given.bootOrder }),
    address,
  ]);
}

/** One interface alone, as it is plugged into a guest that runs. */
export function interfaceXml(given: GuestInterface): string {
  return renderXml(networkInterface(given));
}

function networkInterface(given: GuestInterface, address?: XmlElement): XmlElement {
  return element('interface', { type: 'bridge' }, [
    element('mac', { address: given.mac }),
    element('source', { bridge: given.bridge }),
    element('target', { dev: given.tap }),
    element('model', { type: given.model }),
    given.mtu === undefined ? undefined : element('mtu', { size: given.mtu }),
    address,
  ]);
}
