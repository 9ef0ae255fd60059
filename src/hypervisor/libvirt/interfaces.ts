// Network interfaces that come and go while a guest runs. Taking one out is a request to the guest: libvirt answers when
// it has been asked, and DEVICE_REMOVED tells that it was heeded; a guest without a driver for it never does. The domain
// itself is the truth, the event only makes it quick.

import type { GuestInterface, HypervisorEnv } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { Connections } from './connections.ts';
import { interfaceXml } from './domain-xml/guest-domain.ts';
import { readXml } from './domain-xml/read.ts';
import { absentIfNotFound, AFFECT_LIVE, domainRef, type GuestReader } from './guest-reader.ts';
import { eventMessages, procedures } from './rpc/procedures.ts';
import { uuidText } from './rpc/structures.ts';
import { decodeXdr } from './rpc/xdr.ts';

export interface LibvirtInterfacesOptions {
  readonly env: HypervisorEnv;
  readonly connections: Connections;
  readonly reader: GuestReader;
}

const ACTION_TIMEOUT_MS = 60_000;
/** As long as a guest may take to let go of a device. */
const RELEASE_TIMEOUT_MS = 20_000;
const LOOK_MS = 500;
/** QEMU’s words for a request that an earlier call has made. */
const ASKED_ALREADY = /already in the process of unplug/;

interface Found {
  readonly mac: string;
  readonly bridge: string;
  readonly tap: string;
}

export class LibvirtInterfaces {
  readonly #options: LibvirtInterfacesOptions;
  /** Called when a device of that guest is gone. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(options: LibvirtInterfacesOptions) {
    this.#options = options;
  }

  async macsOf(id: string): Promise<readonly string[]> {
    return (await this.#of(id)).map(({ mac }) => mac);
  }

  async attach(id: string, given: GuestInterface): Promise<void> {
    if ((await this.macsOf(id)).includes(given.mac)) return;
    await this.#options.connections.work(
      procedures.domainAttachDeviceFlags,
      { dom: domainRef(id), xml: interfaceXml(given), flags: AFFECT_LIVE },
      ACTION_TIMEOUT_MS,
    );
  }

  async detach(id: string, mac: string): Promise<void> {
    const found = await this.#find(id, mac);
    if (found === undefined) return;
    const guest = await this.#options.reader.find(id);
    if (guest?.power === 'paused')
      throw new HypervisorFault(
        'wrong-state',
        `guest ${id} stands still and can't let go of its interface ${mac}`,
      );
    await this.#ask(id, found);
    const isGone = await this.#untilGone(id, mac);
    if (isGone) return;
    throw new HypervisorFault(
      'timeout',
      `guest ${id} has not let go of its interface ${mac} within ${RELEASE_TIMEOUT_MS / 1000} s`,
    );
  }

  /** DEVICE_REMOVED. */
  heard(payload: Uint8Array): void {
    const { dom } = decodeXdr(eventMessages.domainDeviceRemoved.body, payload);
    for (const look of this.#waiting.get(uuidText(dom.uuid)) ?? []) look();
  }

  async #ask(id: string, { mac, bridge, tap }: Found): Promise<void> {
    const xml = interfaceXml({ mac, bridge, tap, model: 'virtio' });
    try {
      await this.#options.connections.work(
        procedures.domainDetachDeviceFlags,
        { dom: domainRef(id), xml, flags: AFFECT_LIVE },
        ACTION_TIMEOUT_MS,
      );
    } catch (error) {
      const goesOn = error instanceof HypervisorFault && ASKED_ALREADY.test(error.message);
      if (!goesOn && (await this.#find(id, mac)) !== undefined) throw error;
    }
  }

  /** False when it is still there after its time. */
  #untilGone(id: string, mac: string): Promise<boolean> {
    const { clock, timers } = this.#options.env;
    const endMs = clock.monotonic() + RELEASE_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      let cancel = (): void => undefined;
      let isOver = false;
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const settle = (end: () => void): void => {
        isOver = true;
        cancel();
        waiting.delete(look);
        if (waiting.size === 0) this.#waiting.delete(id);
        end();
      };
      const seen = async (): Promise<void> => {
        try {
          const found = await this.#find(id, mac);
          if (isOver) return;
          if (found === undefined) settle(() => resolve(true));
          else if (clock.monotonic() >= endMs) settle(() => resolve(false));
          else cancel = timers.after(LOOK_MS, look);
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const look = (): void => {
        cancel();
        void seen();
      };
      waiting.add(look);
      look();
    });
  }

  /** Undefined also when the guest is gone. */
  async #find(id: string, mac: string): Promise<Found | undefined> {
    const found = await absentIfNotFound(() => this.#of(id));
    return found?.find((one) => one.mac === mac);
  }

  async #of(id: string): Promise<readonly Found[]> {
    const { xml } = await this.#options.connections.quick(procedures.domainGetXmlDesc, {
      dom: domainRef(id),
      flags: 0,
    });
    const devices = readXml(xml)?.at('domain', 'devices');
    return (devices?.children('interface') ?? []).map((one) => ({
      mac: one.at('mac')?.attribute('address')?.toLowerCase() ?? '',
      bridge: one.at('source')?.attribute('bridge') ?? '',
      tap: one.at('target')?.attribute('dev') ?? '',
    }));
  }
}
