// What may be said to an instance, and what its journal holds. The only file of this folder that others import
// for talking to it; views read InstanceState from state.ts.
// Refusals: instance-not-found, instance-wrong-state, instance-not-ready, instance-locked, instance-exists;
// to reports that come too late: instance-late-report; of a live migration: migration-not-found, migration-wrong-state; of a grant that was fenced: instance-grant-over (with the ports and,
// where it is known, the storage that the host must spare).
import { Type } from 'typebox';
import { boundPortSchema, serverRequestSchema } from '../domain/server.ts';
import { powerStates, type PowerState } from '../domain/states.ts';
import {
  handoverSchema,
  leftBehindKeySchema,
  leftBehindSchema,
  progressSchema,
} from './live/handover.ts';
import { operationParametersSchema } from './parameters.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const done = Type.Object({});
const powerState = Type.Unsafe<PowerState>(Type.String({ enum: Object.keys(powerStates) }));

/** The lifecycle operations; one table each in operations/. */
export const operationNames = [
  'create',
  'delete',
  'start',
  'stop',
  'reboot',
  'reboot-hard',
  'pause',
  'unpause',
  'suspend',
  'resume',
  'resize',
  'migrate',
  'confirm-resize',
  'revert-resize',
  'rebuild',
  'rescue',
  'unrescue',
  'snapshot',
  'backup',
  'soft-delete',
  'restore',
  'evacuate',
  'attach-interface',
  'detach-interface',
  'shelve',
  'shelve-offload',
  'unshelve',
  'unshelve-offloaded',
  'set-password',
  'change-addresses',
  'live-migrate',
] as const;
export type OperationName = (typeof operationNames)[number];
const operationName = Type.Unsafe<OperationName>(Type.String({ enum: [...operationNames] }));

const resetState = Type.Union([Type.Literal('active'), Type.Literal('error')]);

/** Who asks, for locks and for the action's record. */
const actor = Type.Object({ userId: text, projectId: text, isAdmin: Type.Boolean() });

export const faultSchema = Type.Object({
  /** HTTP-like: 500 for trouble inside, 4xx for what the user can mend. */
  code: Type.Integer(),
  /** One sentence for the user: what failed, on what, and what to do. */
  message: text,
  /** For administrators: figures, host names, traces. */
  details: text,
});

/** What a step reports when it is done; each step knows its own. */
export const stepResultSchema = Type.Object({
  host: Type.Optional(text),
  /** Where the guest was placed. */
  node: Type.Optional(text),
  providerId: Type.Optional(text),
  availabilityZone: Type.Optional(text),
  ports: Type.Optional(Type.Array(boundPortSchema)),
  power: Type.Optional(powerState),
  /** Of the file system that holds the guest's disks; hosts that tell the same one share it. */
  storageId: Type.Optional(text),
  /** How it is known that the host of the grant runs nothing, and since when. */
  fenced: Type.Optional(Type.Object({ method: text, proof: text })),
  /** Of a live migration: what the destination needs to go on. */
  handover: Type.Optional(handoverSchema),
  /** What is still to be done at hosts that do not answer now. */
  leftBehind: Type.Optional(Type.Array(leftBehindSchema)),
});

export const instanceCommands = {
  /** Accepts a new server; the answer means that it will reach a rest state. */
  'instance.create': command(
    1,
    Type.Object({ request: serverRequestSchema, operationId: text }),
    done,
  ),
  /** Starts any operation but create. Delete may interrupt every other one. */
  'instance.operate': command(
    4,
    Type.Object({
      operation: operationName,
      operationId: text,
      actor,
      parameters: Type.Optional(operationParametersSchema),
    }),
    done,
  ),
  'instance.rename': command(
    2,
    Type.Object({
      actor,
      name: Type.Optional(text),
      hostname: Type.Optional(text),
      description: Type.Optional(Type.Union([text, Type.Null()])),
      accessIPv4: Type.Optional(text),
      accessIPv6: Type.Optional(text),
      diskConfig: Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])),
      /** The zone that it stays in wherever it is moved; null lets it go. */
      availabilityZone: Type.Optional(Type.Union([text, Type.Null()])),
    }),
    done,
  ),
  /** Merges `set` into the metadata after taking `remove` away; `replace` empties it first. */
  'instance.change-metadata': command(
    1,
    Type.Object({
      actor,
      replace: Type.Boolean(),
      set: Type.Record(Type.String(), text),
      remove: Type.Array(text),
    }),
    Type.Object({ metadata: Type.Record(Type.String(), text) }),
  ),
  'instance.change-tags': command(1, Type.Object({ actor, tags: Type.Array(text) }), done),
  'instance.lock': command(
    1,
    Type.Object({ actor, locked: Type.Boolean(), reason: Type.Optional(text) }),
    done,
  ),

  // From the instance's own effects and from node actors:
  'instance.step-done': command(
    3,
    Type.Object({
      operationId: text,
      step: text,
      attempt: Type.Integer(),
      result: stepResultSchema,
    }),
    done,
  ),
  'instance.step-undone': command(
    2,
    Type.Object({
      operationId: text,
      step: text,
      attempt: Type.Integer(),
      result: Type.Optional(stepResultSchema),
    }),
    done,
  ),
  'instance.step-failed': command(
    1,
    Type.Object({
      operationId: text,
      step: text,
      attempt: Type.Integer(),
      fault: faultSchema,
      retryable: Type.Boolean(),
    }),
    done,
  ),
  /** A node relisted its guests, or heard an event: this is what it sees under this grant. */
  'instance.observed': command(
    1,
    Type.Object({ host: text, runEpoch: Type.Integer(), power: powerState, reason: text }),
    done,
  ),
  /** From the effect that watches a live migration's copy: it is under way, and that far. */
  'instance.copy-progress': command(
    1,
    Type.Object({ operationId: text, progress: Type.Optional(progressSchema) }),
    done,
  ),
  /** An administrator gives a live migration up, before the guest is handed over. */
  'instance.abort-migration': command(1, Type.Object({ migrationId: text }), done),
  /** The guest stands still from now on, so that its copy ends. */
  'instance.force-migration': command(1, Type.Object({ migrationId: text }), done),
  /** A host has done what was left to be done there. */
  'instance.tidied': command(1, leftBehindKeySchema, done),
  /** What an administrator says of a server whose state is wrong; the host's word comes after it. */
  'instance.reset-state': command(1, Type.Object({ vmState: resetState }), done),
  /** From the effect that follows an operation which left its image unfinished: there is no such image. */
  'instance.image-discarded': command(1, Type.Object({ imageId: text }), done),
  /** From the effect that follows it: the network service has let go of a port that the server does not have. */
  'instance.port-released': command(1, Type.Object({ portId: text }), done),
  /** What the guest has posted of itself, encrypted for its user; the first one stays until it is cleared. */
  'instance.save-password': command(1, Type.Object({ password: text }), done),
  'instance.clear-password': command(1, Type.Object({}), done),
  /** A host that was fenced is back: nothing of the server runs there under this grant, and nothing ever will. */
  'instance.left': command(1, Type.Object({ host: text, runEpoch: Type.Integer() }), done),
  /** No server came of this id (a quota reservation was left behind): it can never be created any more. */
  'instance.abandon': command(1, Type.Object({}), Type.Object({ exists: Type.Boolean() })),
} as const;

export const instanceEvents = {
  'instance.requested': event(
    1,
    Type.Object({
      request: serverRequestSchema,
      operationId: text,
      requestId: text,
      atMs: Type.Number(),
    }),
  ),
  'instance.operation-started': event(
    4,
    Type.Object({
      operation: operationName,
      operationId: text,
      requestId: text,
      userId: text,
      projectId: text,
      parameters: Type.Optional(operationParametersSchema),
      atMs: Type.Number(),
    }),
    { 1: (data) => data, 2: (data) => data, 3: (data) => data },
  ),
  'instance.step-completed': event(
    3,
    Type.Object({ operationId: text, step: text, result: stepResultSchema, atMs: Type.Number() }),
    { 1: (data) => data, 2: (data) => data },
  ),
  /** GRANT(instance, host, runEpoch): from here on this host, and only this one, may run the guest (DESIGN §5, R3). */
  'instance.granted': event(
    2,
    Type.Object({
      operationId: text,
      host: text,
      node: text,
      providerId: text,
      availabilityZone: text,
      runEpoch: Type.Integer(),
      ports: Type.Array(boundPortSchema),
      /** Names what is held for it at the provider; default: the operation's id and its try. */
      claimId: Type.Optional(text),
      /** Which end of a move it is; undefined for a first host. */
      side: Type.Optional(Type.Union([Type.Literal('source'), Type.Literal('destination')])),
      atMs: Type.Number(),
    }),
    { 1: (data) => data },
  ),
  /** STOPPED(runEpoch): evidence from the host that the guest does not run there and never will under this grant. */
  'instance.released-by-host': event(
    1,
    Type.Object({ host: text, runEpoch: Type.Integer(), atMs: Type.Number() }),
  ),
  /** FENCED(host, method, proof): without the host's word, its guest can't run any more. */
  'instance.fenced': event(
    1,
    Type.Object({
      host: text,
      runEpoch: Type.Integer(),
      method: text,
      proof: text,
      atMs: Type.Number(),
    }),
  ),
  /** The host is back, has taken its old copy away, and says that the grant is over. */
  'instance.fenced-host-returned': event(
    1,
    Type.Object({ host: text, runEpoch: Type.Integer(), atMs: Type.Number() }),
  ),
  /** A step failed: done steps are undone, last first; then it is tried elsewhere (`retry`) or the operation ends. */
  'instance.operation-failed': event(
    1,
    Type.Object({
      operationId: text,
      step: text,
      fault: faultSchema,
      retry: Type.Boolean(),
      atMs: Type.Number(),
    }),
  ),
  'instance.undone': event(1, Type.Object({ operationId: text, step: text, atMs: Type.Number() })),
  /** It couldn't be undone in time: the grant stays where it is, and a delete will try again. */
  'instance.undo-given-up': event(
    1,
    Type.Object({ operationId: text, step: text, fault: faultSchema, atMs: Type.Number() }),
  ),
  /** A step that was to be taken back was found done, by its host's word: the operation goes on. */
  'instance.found-done': event(
    1,
    Type.Object({ operationId: text, step: text, atMs: Type.Number() }),
  ),
  'instance.copy-progressed': event(
    1,
    Type.Object({
      operationId: text,
      progress: Type.Optional(progressSchema),
      atMs: Type.Number(),
    }),
  ),
  'instance.migration-aborted': event(1, Type.Object({ operationId: text, atMs: Type.Number() })),
  'instance.migration-forced': event(1, Type.Object({ operationId: text, atMs: Type.Number() })),
  /** Something of the server is still to be done at a host that does not answer now. */
  'instance.left-behind': event(
    1,
    Type.Object({ ...leftBehindSchema.properties, atMs: Type.Number() }),
  ),
  'instance.tidied': event(
    1,
    Type.Object({ ...leftBehindKeySchema.properties, atMs: Type.Number() }),
  ),
  'instance.operation-ended': event(
    1,
    Type.Object({ operationId: text, succeeded: Type.Boolean(), atMs: Type.Number() }),
  ),
  'instance.power-changed': event(
    1,
    Type.Object({ power: powerState, reason: text, atMs: Type.Number() }),
  ),
  'instance.renamed': event(
    2,
    Type.Object({
      name: Type.Optional(text),
      hostname: Type.Optional(text),
      description: Type.Optional(Type.Union([text, Type.Null()])),
      accessIPv4: Type.Optional(text),
      accessIPv6: Type.Optional(text),
      diskConfig: Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])),
      availabilityZone: Type.Optional(Type.Union([text, Type.Null()])),
      atMs: Type.Number(),
    }),
    // Until then the zone stayed as it was.
    { 1: (data) => data },
  ),
  'instance.metadata-changed': event(
    1,
    Type.Object({ metadata: Type.Record(Type.String(), text), atMs: Type.Number() }),
  ),
  'instance.tags-changed': event(1, Type.Object({ tags: Type.Array(text), atMs: Type.Number() })),
  'instance.lock-changed': event(
    1,
    Type.Object({
      locked: Type.Boolean(),
      byAdmin: Type.Boolean(),
      reason: Type.Optional(text),
      atMs: Type.Number(),
    }),
  ),
  'instance.state-reset': event(1, Type.Object({ vmState: resetState, atMs: Type.Number() })),
  'instance.image-discarded': event(1, Type.Object({ imageId: text, atMs: Type.Number() })),
  /** Empty: cleared. */
  'instance.password-saved': event(1, Type.Object({ password: text, atMs: Type.Number() })),
  'instance.port-released': event(1, Type.Object({ portId: text, atMs: Type.Number() })),
  'instance.abandoned': event(1, Type.Object({ atMs: Type.Number() })),
} as const;

export type InstanceCommand = CommandOf<typeof instanceCommands>;
export type InstanceEvent = EventOf<typeof instanceEvents>;
export const instances = entityKind('instance', instanceCommands);
