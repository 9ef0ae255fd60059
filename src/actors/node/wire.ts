// What controllers and compute members say to each other: types, versions, shapes. A shape may change with its version
// only. Every body is checked on arrival: a member that has been taken over sends whatever it likes.
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Message, Received } from '#runtime/transport/port.ts';
import { RuntimeFault, type RuntimeFaultCode } from '#runtime/system/faults.ts';
import type { GuestStatistics } from '#hypervisor/port.ts';
import { serverImageSchema } from '../domain/server.ts';
import { type PowerState, powerStates } from '../domain/states.ts';
import { NodeFault, type NodeFaultCode, type NodeOrder, type NodeReport } from './protocol.ts';

const VERSION = 2;
const text = Type.String({ maxLength: 255 });
const words = Type.String({ maxLength: 10_000 });
const count = Type.Integer({ minimum: 0 });

const diskRange = Type.Object({
  serverId: text,
  name: text,
  offset: count,
  length: Type.Integer({ minimum: 1, maximum: 4 * 1024 ** 2 }),
});

const cachedImage = Type.Object({
  image: serverImageSchema,
  url: Type.String({ maxLength: 4_096 }),
});

/** Of controllers to compute members. */
export const orderBodies = {
  /** Carries out an order, or joins the one of that name which is under way, or answers as before. */
  'node.perform': Type.Object({
    order: Type.Object({
      type: text,
      orderId: text,
      serverId: text,
      runEpoch: count,
      ownerEpoch: Type.Optional(count),
      requestId: text,
    }),
  }),
  /** An image for servers to come; the link is good for the host alone, and not for long. */
  'node.cache-image': cachedImage,
  'node.console': Type.Object({ serverId: text, maxBytes: count }),
  /** A piece of a disk's file, for the other end of a move. */
  'node.read-disk': diskRange,
  /** What is counted of a guest. */
  'node.statistics': Type.Object({ serverId: text }),
} as const;

/** Of controllers to each other. */
export const relayBodies = {
  /** Hosts that the sender has a link to and that are up, and those that are no more; all of them, or what has changed. */
  'node.sight': Type.Object({
    isAll: Type.Boolean(),
    up: Type.Array(text),
    down: Type.Array(text),
  }),
  /** To be passed on, once, to the member of a host that the sender has no link to. */
  'node.relay': Type.Object({
    host: text,
    type: Type.Union([
      Type.Literal('node.perform'),
      Type.Literal('node.console'),
      Type.Literal('node.read-disk'),
      Type.Literal('node.statistics'),
    ]),
    body: Type.Any(),
  }),
  /** The same for an image that the host is to have. */
  'node.relay-image': Type.Object({ host: text, cached: cachedImage }),
} as const;

/** Of compute members to controllers. */
export const requestBodies = {
  /** A command to an entity; only few of them are let through (gateway.ts). */
  'node.ask': Type.Object({
    kind: text,
    id: text,
    command: Type.Object({ type: text }),
    deadlineMs: Type.Integer({ minimum: 1, maximum: 60_000 }),
  }),
  /** Whether the host is registered and its hypervisor answers. */
  'node.status': Type.Object({ isUp: Type.Boolean() }),
  /** Which images may be kept, and which networks every host has ready. */
  'node.world': Type.Object({}),
  /** How a network is to look on a host. */
  'node.network': Type.Object({ networkId: text }),
  /** What goes on the config drive of a server that may run there. */
  'node.config-drive': Type.Object({ serverId: text }),
  /** Which server of that host reached the host's address `local` from `remote`. */
  'node.guest': Type.Object({ local: text, remote: text }),
  /** What a server that may run there may know of itself. */
  'node.metadata': Type.Object({ serverId: text }),
  /** Where to fetch the image of a server that may run there. */
  'node.image': Type.Object({ serverId: text, imageId: text }),
  /** A piece of a disk at the other end of a server's move to that host. */
  'node.source-disk': diskRange,
  /** Where to send the bytes of an image of a server that may run there. */
  'node.image-upload': Type.Object({ serverId: text, imageId: text }),
  /** The controllers of the cluster, and where they are reached. */
  'node.controllers': Type.Object({}),
} as const;

const bodies = { ...orderBodies, ...relayBodies, ...requestBodies };
export type NodeMessageType = keyof typeof bodies;
export type RequestType = keyof typeof requestBodies;
export type BodyOf<T extends NodeMessageType> = Static<(typeof bodies)[T]>;

export function isRequestType(type: string): type is RequestType {
  return Object.hasOwn(requestBodies, type);
}

export function isRelayType(type: string): type is keyof typeof relayBodies {
  return Object.hasOwn(relayBodies, type);
}

export function nodeMessage<T extends NodeMessageType>(
  type: T,
  body: BodyOf<T>,
  requestId?: string,
): Message {
  return { type, version: VERSION, body, ...(requestId === undefined ? {} : { requestId }) };
}

/** The body, if it is what its type says. Throws in words for the sender. */
export function bodyOf<T extends NodeMessageType>(message: Received, type: T): BodyOf<T> {
  if (message.version !== VERSION)
    throw new Error(`${type} of version ${message.version} is not known here, only ${VERSION}`);
  return checked(bodies[type], message.body, type) as BodyOf<T>;
}

const MAX_OPAQUE = 256 * 1024;
/** The hypervisor's own words, from one end of a live migration to the other. */
const opaque = Type.String({ maxLength: MAX_OPAQUE });
const target = Type.String({ maxLength: 16 });
const guestSpec = Type.Object({
  id: text,
  name: text,
  title: words,
  vcpus: count,
  memoryMiB: count,
  consoleLogPath: words,
  disks: Type.Array(Type.Object({ target }), { maxItems: 32 }),
  interfaces: Type.Array(Type.Object({}), { maxItems: 64 }),
  mark: Type.Object({ cluster: text, host: text, runEpoch: count }),
});
const handover = Type.Object({
  spec: Type.Optional(guestSpec),
  copiedDisks: Type.Optional(Type.Array(target, { maxItems: 32 })),
  offer: Type.Optional(Type.Object({ domain: opaque, cookie: opaque, isPaused: Type.Boolean() })),
  tryId: Type.Optional(text),
  invitation: Type.Optional(Type.Object({ cookie: opaque, uri: text })),
  cookie: Type.Optional(opaque),
  progress: Type.Optional(
    Type.Object({
      elapsedMs: count,
      memoryTotalBytes: count,
      memoryProcessedBytes: count,
      memoryRemainingBytes: count,
      diskTotalBytes: count,
      diskProcessedBytes: count,
      diskRemainingBytes: count,
      rounds: count,
      slowedPercent: count,
    }),
  ),
});

const fault = Type.Object({ code: text, message: words, retryable: Type.Boolean() });
const faulty = Type.Object({ fault });

const counted = Type.Optional(Type.Union([Type.Number(), Type.Null()]));
const interfaceCounts = Type.Object({
  bytes: counted,
  packets: counted,
  errors: counted,
  drops: counted,
});
const statistics = Type.Object({
  cpus: Type.Array(Type.Object({ timeNs: counted }), { maxItems: 1_024 }),
  memory: Type.Object({ maximumKiB: Type.Number(), usedKiB: counted }),
  disks: Type.Array(
    Type.Object({
      target: text,
      readBytes: counted,
      readRequests: counted,
      writeBytes: counted,
      writeRequests: counted,
    }),
    { maxItems: 256 },
  ),
  interfaces: Type.Array(
    Type.Object({ mac: text, device: text, received: interfaceCounts, sent: interfaceCounts }),
    { maxItems: 256 },
  ),
});
const answers = {
  performed: Type.Union([
    Type.Object({
      report: Type.Object({
        power: text,
        stopped: Type.Boolean(),
        storageId: Type.Optional(text),
        disks: Type.Optional(Type.Array(Type.Object({ name: text, sizeBytes: count }))),
        handover: Type.Optional(handover),
      }),
    }),
    faulty,
  ]),
  begun: Type.Union([faulty, Type.Object({})]),
  output: Type.Union([Type.Object({ output: Type.Any() }), faulty]),
  statistics: Type.Union([Type.Object({ statistics }), faulty]),
  asked: Type.Object({ reply: Type.Any() }),
  world: Type.Object({ imageIds: Type.Array(text), networkIds: Type.Array(text) }),
  network: Type.Object({ spec: Type.Optional(Type.Any()) }),
  files: Type.Object({ files: Type.Array(Type.Object({ path: text, content: Type.Any() })) }),
  guest: Type.Object({ serverId: Type.Optional(text) }),
  metadata: Type.Object({ metadata: Type.Optional(Type.Any()) }),
  image: Type.Object({ url: Type.String({ maxLength: 4_096 }) }),
  controllers: Type.Object({
    controllers: Type.Array(Type.Object({ id: text, addresses: Type.Array(text) })),
  }),
} as const;
export type AnswerName = keyof typeof answers;

/** Everything that travels, for the fingerprints in test/protocol. */
export const nodeShapes = { version: VERSION, bodies, answers } as const;

/** An answer of that shape. Throws in words. */
export function answerOf<N extends AnswerName>(
  name: N,
  value: unknown,
): Static<(typeof answers)[N]> {
  return checked(answers[name], value, `the answer (${name})`) as Static<(typeof answers)[N]>;
}

function checked<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  throw new Error(
    `${what} is not of its shape: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
  );
}

/** As the type says it; what is missing of an order's own fields, the executor stumbles over. */
export function orderOf(body: BodyOf<'node.perform'>): NodeOrder {
  return body.order as NodeOrder;
}

export interface WireFault {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

const MAX_WORDS = 10_000;

export function wireFaultOf(error: NodeFault | RuntimeFault): WireFault {
  const { code, message, retryable } = error;
  return { code, message: message.slice(0, MAX_WORDS), retryable };
}

const nodeFaultCodes: ReadonlySet<string> = new Set<NodeFaultCode>([
  'stale-grant',
  'stale-owner',
  'host-unreachable',
  'no-space',
  'image-refused',
  'image-service',
  'hypervisor',
  'network',
  'timeout',
  'not-found',
  'no-agent',
]);

/** A code that this release does not know is trouble with the hypervisor. */
export function nodeFaultFrom({ code, message, retryable }: WireFault): NodeFault {
  const known = nodeFaultCodes.has(code) ? (code as NodeFaultCode) : 'hypervisor';
  return new NodeFault(known, message, { retryable });
}

/** What a host reports of an order. Throws a NodeFault if it is none, or the fault that it tells. */
export function reportFrom(host: string, answer: unknown): NodeReport {
  const performed = answerFrom(host, 'performed', answer);
  if ('fault' in performed) throw nodeFaultFrom(performed.fault);
  const { power, stopped, storageId, disks, handover: told } = performed.report;
  if (!Object.hasOwn(powerStates, power)) throw nonsense(host, `power state ${power}`);
  return {
    power: power as PowerState,
    stopped,
    ...(storageId === undefined ? {} : { storageId }),
    ...(disks === undefined ? {} : { disks }),
    ...(told === undefined
      ? {}
      : { handover: told as unknown as NonNullable<NodeReport['handover']> }),
  };
}

/** Throws a NodeFault if the host did not even begin. */
export function begunFrom(host: string, answer: unknown): void {
  const begun = answerFrom(host, 'begun', answer);
  if ('fault' in begun) throw nodeFaultFrom(begun.fault);
}

export function outputFrom(host: string, answer: unknown): Uint8Array {
  const output = answerFrom(host, 'output', answer);
  if ('fault' in output) throw nodeFaultFrom(output.fault);
  if (!(output.output instanceof Uint8Array)) throw nonsense(host, 'a console without bytes');
  return output.output;
}

export function statisticsFrom(host: string, answer: unknown): GuestStatistics {
  const answered = answerFrom(host, 'statistics', answer);
  if ('fault' in answered) throw nodeFaultFrom(answered.fault);
  return answered.statistics as GuestStatistics;
}

function answerFrom<N extends AnswerName>(
  host: string,
  name: N,
  answer: unknown,
): Static<(typeof answers)[N]> {
  try {
    return answerOf(name, answer);
  } catch (error) {
    throw nonsense(host, error instanceof Error ? error.message : String(error));
  }
}

function nonsense(host: string, what: string): NodeFault {
  const message = `host ${host} answers what makes no sense here: ${what}; its release may be another one`;
  return new NodeFault('hypervisor', message, { retryable: true });
}

const runtimeFaultCodes: ReadonlySet<string> = new Set<RuntimeFaultCode>([
  'timeout',
  'stopped',
  'crashed',
  'overloaded',
  'unavailable',
  'moved',
]);

/** What a controller could not answer now; undefined for an answer. */
export function controllerFaultIn(answer: unknown): RuntimeFault | undefined {
  if (!Value.Check(faulty, answer)) return undefined;
  const { code, message, retryable } = answer.fault;
  const known = runtimeFaultCodes.has(code) ? (code as RuntimeFaultCode) : 'unavailable';
  return new RuntimeFault(known, message, { retryable });
}
