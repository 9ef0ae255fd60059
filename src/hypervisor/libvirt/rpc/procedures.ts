// The procedure table: number, arguments and result of every call that the driver makes, and of the events it hears.
// Adding one is two to four lines here. Numbers are append-only in libvirt (src/remote/remote_protocol.x is where to
// look them up); they were checked against libvirt 9.0.

import {
  cookie,
  domain,
  MAX_DOMAINS,
  MAX_JOB_STATS,
  MAX_MIGRATION_PARAMETERS,
  optionalText,
  text,
  typedParameters,
  uuidBytes,
} from './structures.ts';
import type { DomainRef } from './structures.ts';
import {
  array,
  fixedArray,
  fixedOpaque,
  int,
  nothing,
  optional,
  smallUhyper,
  struct,
  uint,
} from './xdr.ts';
import type { Xdr } from './xdr.ts';

export const REMOTE_PROGRAM = 0x2000_8086;
export const KEEPALIVE_PROGRAM = 0x6b65_6570;
export const PROTOCOL_VERSION = 1;

export const keepaliveProcedure = { ping: 1, pong: 2 } as const;

/** virDrvFeature numbers. */
export const feature = { keepalive: 10, eventCallbacks: 14 } as const;

/** remote_auth_type numbers. */
export const authType = { none: 0, sasl: 1, polkit: 2 } as const;

export interface Procedure<A, R> {
  readonly name: string;
  readonly number: number;
  readonly args: Xdr<A>;
  readonly result: Xdr<R>;
}

function procedure<A, R>(
  number: number,
  name: string,
  args: Xdr<A>,
  result: Xdr<R>,
): Procedure<A, R> {
  return { name, number, args, result };
}

const onDomain = struct({ dom: domain });
const onDomainWithFlags = struct({ dom: domain, flags: uint });
const onDevice = struct({ dom: domain, xml: text, flags: uint });
const createdDomain = struct({ dom: domain });
const migrationParameters = typedParameters(MAX_MIGRATION_PARAMETERS);

export const procedures = {
  connectOpen: procedure(1, 'connectOpen', struct({ name: optionalText, flags: uint }), nothing),
  connectClose: procedure(2, 'connectClose', nothing, nothing),
  connectGetVersion: procedure(4, 'connectGetVersion', nothing, struct({ version: smallUhyper })),
  nodeGetInfo: procedure(
    6,
    'nodeGetInfo',
    nothing,
    struct({
      model: fixedArray(int, 32),
      memoryKiB: smallUhyper,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  connectGetCapabilities: procedure(
    7,
    'connectGetCapabilities',
    nothing,
    struct({ capabilities: text }),
  ),
  domainCreateXml: procedure(
    10,
    'domainCreateXml',
    struct({ xml: text, flags: uint }),
    createdDomain,
  ),
  domainGetXmlDesc: procedure(14, 'domainGetXmlDesc', onDomainWithFlags, struct({ xml: text })),
  domainLookupByName: procedure(23, 'domainLookupByName', struct({ name: text }), createdDomain),
  domainLookupByUuid: procedure(
    24,
    'domainLookupByUuid',
    struct({ uuid: fixedOpaque(16) }),
    createdDomain,
  ),
  domainReboot: procedure(27, 'domainReboot', onDomainWithFlags, nothing),
  domainResume: procedure(28, 'domainResume', onDomain, nothing),
  domainSuspend: procedure(34, 'domainSuspend', onDomain, nothing),
  connectGetHostname: procedure(59, 'connectGetHostname', nothing, struct({ hostname: text })),
  connectSupportsFeature: procedure(
    60,
    'connectSupportsFeature',
    struct({ feature: int }),
    struct({ supported: int }),
  ),
  authList: procedure(66, 'authList', nothing, struct({ types: array(int, 20) })),
  authPolkit: procedure(70, 'authPolkit', nothing, struct({ complete: int })),
  connectGetLibVersion: procedure(
    157,
    'connectGetLibVersion',
    nothing,
    struct({ version: smallUhyper }),
  ),
  domainAttachDeviceFlags: procedure(160, 'domainAttachDeviceFlags', onDevice, nothing),
  domainDetachDeviceFlags: procedure(161, 'domainDetachDeviceFlags', onDevice, nothing),
  domainOpenConsole: procedure(
    201,
    'domainOpenConsole',
    struct({ dom: domain, device: optionalText, flags: uint }),
    nothing,
  ),
  domainInjectNmi: procedure(210, 'domainInjectNmi', onDomainWithFlags, nothing),
  domainGetState: procedure(
    212,
    'domainGetState',
    onDomainWithFlags,
    struct({ state: int, reason: int }),
  ),
  domainSaveFlags: procedure(
    232,
    'domainSaveFlags',
    struct({ dom: domain, to: text, xml: optionalText, flags: uint }),
    nothing,
  ),
  domainRestoreFlags: procedure(
    233,
    'domainRestoreFlags',
    struct({ from: text, xml: optionalText, flags: uint }),
    nothing,
  ),
  domainDestroyFlags: procedure(234, 'domainDestroyFlags', onDomainWithFlags, nothing),
  domainSaveImageGetXmlDesc: procedure(
    235,
    'domainSaveImageGetXmlDesc',
    struct({ file: text, flags: uint }),
    struct({ xml: text }),
  ),
  domainReset: procedure(245, 'domainReset', onDomainWithFlags, nothing),
  domainShutdownFlags: procedure(258, 'domainShutdownFlags', onDomainWithFlags, nothing),
  domainSetMetadata: procedure(
    264,
    'domainSetMetadata',
    struct({
      dom: domain,
      type: int,
      metadata: optionalText,
      key: optionalText,
      uri: optionalText,
      flags: uint,
    }),
    nothing,
  ),
  domainGetMetadata: procedure(
    265,
    'domainGetMetadata',
    struct({ dom: domain, type: int, uri: optionalText, flags: uint }),
    struct({ metadata: text }),
  ),
  domainAbortJob: procedure(164, 'domainAbortJob', onDomain, nothing),
  domainGetJobStats: procedure(
    298,
    'domainGetJobStats',
    onDomainWithFlags,
    struct({ type: int, params: typedParameters(MAX_JOB_STATS) }),
  ),
  domainMigrateBegin: procedure(
    302,
    'domainMigrateBegin',
    struct({ dom: domain, params: migrationParameters, flags: uint }),
    struct({ cookie, xml: text }),
  ),
  domainMigratePrepare: procedure(
    303,
    'domainMigratePrepare',
    struct({ params: migrationParameters, cookie, flags: uint }),
    struct({ cookie, uri: optionalText }),
  ),
  domainMigratePerform: procedure(
    305,
    'domainMigratePerform',
    struct({
      dom: domain,
      destination: optionalText,
      params: migrationParameters,
      cookie,
      flags: uint,
    }),
    struct({ cookie }),
  ),
  domainMigrateFinish: procedure(
    306,
    'domainMigrateFinish',
    struct({ params: migrationParameters, cookie, flags: uint, cancelled: int }),
    struct({ dom: domain, cookie }),
  ),
  domainMigrateConfirm: procedure(
    307,
    'domainMigrateConfirm',
    struct({
      dom: domain,
      params: migrationParameters,
      cookie,
      flags: uint,
      cancelled: int,
    }),
    nothing,
  ),
  connectDomainEventCallbackRegisterAny: procedure(
    316,
    'connectDomainEventCallbackRegisterAny',
    struct({ eventId: int, dom: optional(domain) }),
    struct({ callbackId: int }),
  ),
  connectDomainEventCallbackDeregisterAny: procedure(
    317,
    'connectDomainEventCallbackDeregisterAny',
    struct({ callbackId: int }),
    nothing,
  ),
  connectGetAllDomainStats: procedure(
    344,
    'connectGetAllDomainStats',
    struct({ doms: array(domain, MAX_DOMAINS), stats: uint, flags: uint }),
    struct({
      records: array(struct({ dom: domain, params: typedParameters(262_144) }), MAX_DOMAINS),
    }),
  ),
  domainSetUserPassword: procedure(
    357,
    'domainSetUserPassword',
    struct({ dom: domain, user: optionalText, password: optionalText, flags: uint }),
    nothing,
  ),
} as const;

/** Messages that the daemon sends by itself, once a callback is registered. */
export interface EventMessage<T> {
  readonly number: number;
  readonly body: Xdr<T>;
}

export const eventMessages = {
  domainLifecycle: {
    number: 318,
    body: struct({ callbackId: int, dom: domain, event: int, detail: int }),
  },
  domainDeviceRemoved: {
    number: 333,
    body: struct({ callbackId: int, dom: domain, alias: text }),
  },
} as const;

/** A reference that calls accept for the domain of this uuid, whatever its name and id. Throws RangeError. */
export function domainOf(uuid: string): DomainRef {
  return { name: uuid, uuid: uuidBytes(uuid), id: -1 };
}
