// The mark that makes a domain ours: cluster, host and run-epoch in the domain's <metadata>, under our own namespace.
// A domain whose mark can't be read is foreign (DESIGN §5, R1 and R6).

import type { GuestMark } from '../../port.ts';
import { element, renderXml } from './element.ts';
import type { XmlElement } from './element.ts';
import { readXml } from './read.ts';

/** Of our metadata element; libvirt finds it by this. Never change it: running guests carry it. */
export const MARK_NAMESPACE = 'urn:kilonova:guest:1';

export const MARK_PREFIX = 'kilonova';

export function markElement(mark: GuestMark): XmlElement {
  return element(`${MARK_PREFIX}:guest`, {
    [`xmlns:${MARK_PREFIX}`]: MARK_NAMESPACE,
    ...attributesOf(mark),
  });
}

function attributesOf({ cluster, host, runEpoch }: GuestMark) {
  return { cluster, host, runEpoch };
}

/** As libvirt wants it for a domain that runs: it adds prefix and namespace itself, and refuses them if they are there. */
export function renderBareMark(mark: GuestMark): string {
  return renderXml(element('guest', attributesOf(mark)));
}

export function renderMark(mark: GuestMark): string {
  return renderXml(markElement(mark));
}

/** Reads the element that libvirt gives for MARK_NAMESPACE; undefined if it is not a whole mark. */
export function readMark(xml: string): GuestMark | undefined {
  const guest = readXml(xml)?.child('guest');
  const cluster = guest?.attribute('cluster');
  const host = guest?.attribute('host');
  const runEpoch = guest?.attribute('runEpoch');
  if (cluster === undefined || host === undefined || runEpoch === undefined) return undefined;
  if (!/^\d{1,15}$/.test(runEpoch)) return undefined;
  return { cluster, host, runEpoch: Number(runEpoch) };
}
