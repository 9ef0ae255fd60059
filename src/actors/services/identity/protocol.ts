// What may be said to the identity service, and what its journal holds. One entity for a cloud (identityId), so that
// every constraint (names, references, hierarchy) lies inside it. Passwords arrive hashed, ids arrive chosen.
// Refusals, with the words for each: api/errors/identity.ts.
import { type TObject, Type } from 'typebox';
import { entryKindSchema, entrySchema } from './entries/schemas.ts';
import {
  applicationCredentialSchema,
  assignmentSchema,
  domainSchema,
  endpointSchema,
  groupSchema,
  projectSchema,
  regionSchema,
  roleSchema,
  serviceSchema,
  userSchema,
} from './records.ts';
import {
  command,
  type CommandNamed,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const timeMs = Type.Number();
const done = Type.Object({});
const byId = Type.Object({ id: text });
const extra = Type.Record(Type.String(), Type.Unknown());
/** In changes, null takes a value away. */
const clearable = Type.Optional(Type.Union([text, Type.Null()]));

const update = <T extends TObject>(changes: T) => Type.Object({ id: text, changes });
const naming = {
  name: Type.Optional(text),
  description: clearable,
  /** Merged into what is there. */
  extra: Type.Optional(extra),
};
const switching = { enabled: Type.Optional(Type.Boolean()) };
const optioned = { options: Type.Optional(Type.Record(Type.String(), Type.Unknown())) };
const tagged = { tags: Type.Optional(Type.Array(text)) };

const membership = Type.Object({ groupId: text, userId: text });
const implication = Type.Object({ priorRoleId: text, impliedRoleId: text });

export const identityCommands = {
  /** First content of a cloud, stored once per step: a repeat of a step changes nothing, whatever was deleted since. */
  'identity.seed': command(
    1,
    Type.Object({
      step: text,
      domains: Type.Array(domainSchema),
      projects: Type.Array(projectSchema),
      users: Type.Array(userSchema),
      roles: Type.Array(roleSchema),
      implied: Type.Array(implication),
      assignments: Type.Array(assignmentSchema),
      regions: Type.Array(regionSchema),
      services: Type.Array(serviceSchema),
      endpoints: Type.Array(endpointSchema),
    }),
    done,
  ),
  'identity.create-domain': command(1, Type.Object({ domain: domainSchema }), done),
  'identity.update-domain': command(
    1,
    update(Type.Object({ ...naming, ...switching, ...optioned, ...tagged })),
    done,
  ),
  /** A disabled one only; all that is in it goes with it. */
  'identity.delete-domain': command(1, byId, done),
  'identity.create-project': command(1, Type.Object({ project: projectSchema }), done),
  'identity.update-project': command(
    1,
    update(Type.Object({ ...naming, ...switching, ...optioned, ...tagged })),
    done,
  ),
  'identity.delete-project': command(1, byId, done),
  'identity.create-user': command(1, Type.Object({ user: userSchema }), done),
  'identity.update-user': command(
    1,
    update(
      Type.Object({
        name: naming.name,
        extra: naming.extra,
        ...switching,
        ...optioned,
        defaultProjectId: clearable,
        passwordHash: clearable,
      }),
    ),
    done,
  ),
  'identity.delete-user': command(1, byId, done),
  /** The user's own choice; an administrator's is an update. */
  'identity.change-own-password': command(1, Type.Object({ id: text, passwordHash: text }), done),
  /** A wrong password, or a right one after some. `restarts`: the lock that came of the ones before is over. */
  'identity.note-login': command(
    1,
    Type.Object({ userId: text, isRight: Type.Boolean(), restarts: Type.Boolean() }),
    done,
  ),
  'identity.create-group': command(1, Type.Object({ group: groupSchema }), done),
  'identity.update-group': command(1, update(Type.Object(naming)), done),
  'identity.delete-group': command(1, byId, done),
  'identity.add-member': command(1, membership, done),
  'identity.remove-member': command(1, membership, done),
  'identity.create-role': command(1, Type.Object({ role: roleSchema }), done),
  'identity.update-role': command(1, update(Type.Object({ ...naming, ...optioned })), done),
  'identity.delete-role': command(1, byId, done),
  'identity.imply-role': command(1, implication, done),
  'identity.unimply-role': command(1, implication, done),
  'identity.assign-role': command(1, Type.Object({ assignment: assignmentSchema }), done),
  'identity.unassign-role': command(1, Type.Object({ assignment: assignmentSchema }), done),
  'identity.create-region': command(1, Type.Object({ region: regionSchema }), done),
  'identity.update-region': command(
    1,
    update(
      Type.Object({
        description: clearable,
        parentRegionId: clearable,
        extra: naming.extra,
      }),
    ),
    done,
  ),
  'identity.delete-region': command(1, byId, done),
  'identity.create-service': command(1, Type.Object({ service: serviceSchema }), done),
  'identity.update-service': command(
    1,
    update(Type.Object({ type: Type.Optional(text), ...switching, extra: naming.extra })),
    done,
  ),
  'identity.delete-service': command(1, byId, done),
  'identity.create-endpoint': command(1, Type.Object({ endpoint: endpointSchema }), done),
  'identity.update-endpoint': command(
    1,
    update(
      Type.Object({
        serviceId: Type.Optional(text),
        regionId: clearable,
        interface: Type.Optional(endpointSchema.properties.interface),
        url: Type.Optional(text),
        ...switching,
        extra: naming.extra,
      }),
    ),
    done,
  ),
  'identity.delete-endpoint': command(1, byId, done),
  'identity.create-application-credential': command(
    1,
    Type.Object({ credential: applicationCredentialSchema }),
    done,
  ),
  'identity.delete-application-credential': command(1, byId, done),
  'identity.delete-access-rule': command(1, Type.Object({ userId: text, id: text }), done),
  /** All of them or none. */
  'identity.add-entries': command(1, Type.Object({ entries: Type.Array(entrySchema) }), done),
  'identity.change-entry': command(
    1,
    Type.Object({ kind: entryKindSchema, id: text, changes: extra }),
    done,
  ),
  /** With all that belongs to it. */
  'identity.remove-entry': command(1, Type.Object({ kind: entryKindSchema, id: text }), done),
  /** A consumer gets what the user agreed to, once. */
  'identity.exchange-request-token': command(
    1,
    Type.Object({
      id: text,
      verifier: text,
      accessToken: Type.Object({ id: text, secret: text, expiresAtMs: timeMs }),
    }),
    done,
  ),
  /** A token was made from it: takes one of its uses, where they are numbered. */
  'identity.use-trust': command(1, byId, done),
  /** Voids one token; remembered until the token would have expired anyway. */
  'identity.revoke-token': command(1, Type.Object({ auditId: text, expiresAtMs: timeMs }), done),
} as const;

export const identityEvents = {
  'identity.seeded': event(1, Type.Object({ step: text })),
  'identity.domain-created': event(1, Type.Object({ domain: domainSchema })),
  'identity.domain-updated': event(1, Type.Object({ domain: domainSchema })),
  'identity.domain-deleted': event(1, byId),
  'identity.project-created': event(1, Type.Object({ project: projectSchema })),
  'identity.project-updated': event(1, Type.Object({ project: projectSchema })),
  'identity.project-deleted': event(1, byId),
  'identity.user-created': event(1, Type.Object({ user: userSchema })),
  'identity.user-updated': event(1, Type.Object({ user: userSchema })),
  'identity.user-deleted': event(1, byId),
  'identity.password-set': event(
    1,
    Type.Object({ userId: text, hash: text, atMs: timeMs, byUser: Type.Boolean() }),
  ),
  /** How many wrong passwords in a row that makes. */
  'identity.login-noted': event(
    1,
    Type.Object({ userId: text, failures: Type.Integer(), atMs: timeMs }),
  ),
  'identity.group-created': event(1, Type.Object({ group: groupSchema })),
  'identity.group-updated': event(1, Type.Object({ group: groupSchema })),
  'identity.group-deleted': event(1, byId),
  'identity.member-added': event(1, membership),
  'identity.member-removed': event(1, membership),
  'identity.role-created': event(1, Type.Object({ role: roleSchema })),
  'identity.role-updated': event(1, Type.Object({ role: roleSchema })),
  'identity.role-deleted': event(1, byId),
  'identity.role-implied': event(1, implication),
  'identity.role-unimplied': event(1, implication),
  'identity.role-assigned': event(1, Type.Object({ assignment: assignmentSchema })),
  'identity.role-unassigned': event(1, Type.Object({ assignment: assignmentSchema })),
  'identity.region-created': event(1, Type.Object({ region: regionSchema })),
  'identity.region-updated': event(1, Type.Object({ region: regionSchema })),
  'identity.region-deleted': event(1, byId),
  'identity.service-created': event(1, Type.Object({ service: serviceSchema })),
  'identity.service-updated': event(1, Type.Object({ service: serviceSchema })),
  'identity.service-deleted': event(1, byId),
  'identity.endpoint-created': event(1, Type.Object({ endpoint: endpointSchema })),
  'identity.endpoint-updated': event(1, Type.Object({ endpoint: endpointSchema })),
  'identity.endpoint-deleted': event(1, byId),
  'identity.application-credential-created': event(
    1,
    Type.Object({ credential: applicationCredentialSchema }),
  ),
  'identity.application-credential-deleted': event(1, byId),
  'identity.access-rule-deleted': event(1, Type.Object({ userId: text, id: text })),
  'identity.entry-stored': event(1, Type.Object({ entry: entrySchema })),
  'identity.entry-removed': event(1, Type.Object({ kind: entryKindSchema, id: text })),
  'identity.token-revoked': event(
    1,
    Type.Object({ auditId: text, expiresAtMs: timeMs, atMs: timeMs }),
  ),
} as const;

export type IdentityCommand = CommandOf<typeof identityCommands>;
export type IdentityCommandNamed<T extends keyof typeof identityCommands> = CommandNamed<
  typeof identityCommands,
  T
>;
export type IdentityEvent = EventOf<typeof identityEvents>;

export const identityKind = entityKind('identity', identityCommands);
/** The id of the one identity entity of a cloud. */
export const identityId = 'identity';
export const identityRef = identityKind.ref(identityId);
