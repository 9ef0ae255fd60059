// Where a domain's devices sit on its buses. Memory that was saved, or that comes from another host, fits only the layout
// it ran in; and libvirt's own choice of it differs once something was plugged in or out meanwhile. Reads a running or
// saved domain, gives elements for a new one. Pure.

import { element } from './element.ts';
import type { XmlElement } from './element.ts';
import { readXml } from './read.ts';
import type { XmlNode } from './read.ts';

export type PlacedDevice = 'disk' | 'interface' | 'rng' | 'memballoon';

export interface DeviceLayout {
  /** All but USB's, which there are none of. */
  readonly controllers: readonly XmlElement[];
  /** `key` is a disk's target, an interface's MAC, or nothing where there is one alone. */
  addressOf(device: PlacedDevice, key: string): XmlElement | undefined;
}

/** Undefined when the text is no domain. */
export function layoutOf(xml: string): DeviceLayout | undefined {
  const devices = readXml(xml)?.at('domain', 'devices');
  if (devices === undefined) return undefined;
  const addresses = new Map<string, XmlElement>();
  for (const kind of ['disk', 'interface', 'rng', 'memballoon'] as const)
    for (const device of devices.children(kind)) {
      const address = copyOf(device, 'address');
      if (address !== undefined) addresses.set(`${kind} ${keyOf(kind, device)}`, address);
    }
  const controllers = devices
    .children('controller')
    .filter((one) => one.attribute('type') !== 'usb')
    .map((one) =>
      element('controller', pick(one, ['type', 'index', 'model']), [
        copyOf(one, 'target'),
        copyOf(one, 'address'),
      ]),
    );
  return { controllers, addressOf: (device, key) => addresses.get(`${device} ${key}`) };
}

function keyOf(kind: PlacedDevice, device: XmlNode): string {
  if (kind === 'disk') return device.at('target')?.attribute('dev') ?? '';
  return kind === 'interface' ? (device.at('mac')?.attribute('address')?.toLowerCase() ?? '') : '';
}

/** What libvirt writes in a controller's target and in the address of a device. */
const COPIED = [
  'type',
  'domain',
  'bus',
  'slot',
  'function',
  'multifunction',
  'controller',
  'target',
  'unit',
  'chassis',
  'port',
];

function copyOf(node: XmlNode, name: string): XmlElement | undefined {
  const child = node.child(name);
  return child === undefined ? undefined : element(name, pick(child, COPIED));
}

function pick(node: XmlNode, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = node.attribute(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
}
