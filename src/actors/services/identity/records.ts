// The records that identity keeps, as they stand in its events and its state. A field that is absent is null on the
// wire. `extra` holds what clients add of their own: identity v3 stores unknown attributes and gives them back.
// Ids are 32 hexadecimal digits, but for the domain `default` and regions, which their makers name.
import { type Static, Type } from 'typebox';

const text = Type.String();
const timeMs = Type.Number();
const extra = Type.Record(Type.String(), Type.Unknown());
/** Resource options such as `immutable`, by name. */
const options = Type.Record(Type.String(), Type.Unknown());

export const domainSchema = Type.Object({
  id: text,
  name: text,
  description: Type.Optional(text),
  enabled: Type.Boolean(),
  tags: Type.Array(text),
  options,
  extra,
  /** Tokens issued at or before this moment are void: the domain was disabled then. */
  revokedBeforeMs: timeMs,
});

export const projectSchema = Type.Object({
  id: text,
  name: text,
  domainId: text,
  /** The domain's id for a project at the top. */
  parentId: text,
  description: Type.Optional(text),
  enabled: Type.Boolean(),
  tags: Type.Array(text),
  options,
  extra,
  revokedBeforeMs: timeMs,
});

export const userSchema = Type.Object({
  id: text,
  name: text,
  domainId: text,
  enabled: Type.Boolean(),
  defaultProjectId: Type.Optional(text),
  /** See passwords.ts; absent for a user who cannot log in with a password. */
  passwordHash: Type.Optional(text),
  options,
  extra,
  /** Tokens issued at or before this moment are void: the password changed, or the user was disabled. */
  revokedBeforeMs: timeMs,
});

export const groupSchema = Type.Object({
  id: text,
  name: text,
  domainId: text,
  description: Type.Optional(text),
  extra,
});

export const roleSchema = Type.Object({
  id: text,
  name: text,
  /** A role of one domain only; it counts in a token through the global roles that it implies. */
  domainId: Type.Optional(text),
  description: Type.Optional(text),
  options,
  extra,
});

export const regionSchema = Type.Object({
  id: text,
  description: Type.Optional(text),
  parentRegionId: Type.Optional(text),
  extra,
});

export const serviceSchema = Type.Object({
  id: text,
  type: text,
  enabled: Type.Boolean(),
  /** With `name` and `description` where given. */
  extra,
});

export const endpointSchema = Type.Object({
  id: text,
  serviceId: text,
  regionId: Type.Optional(text),
  interface: Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')]),
  /** May hold `$(project_id)s`-like fields, and `{base}` for the address that the client reached us at. */
  url: text,
  enabled: Type.Boolean(),
  extra,
});

export const accessRuleSchema = Type.Object({
  id: text,
  path: text,
  method: text,
  service: text,
});

export const applicationCredentialSchema = Type.Object({
  id: text,
  name: text,
  userId: text,
  projectId: text,
  description: Type.Optional(text),
  secretHash: text,
  roleIds: Type.Array(text),
  expiresAtMs: Type.Optional(timeMs),
  /** May this credential make and delete others? */
  unrestricted: Type.Boolean(),
  accessRules: Type.Optional(Type.Array(accessRuleSchema)),
});

/** Who holds a role, and where. `inherited`: not on the target itself but on the projects below it. */
export const assignmentSchema = Type.Object({
  actor: Type.Object({
    kind: Type.Union([Type.Literal('user'), Type.Literal('group')]),
    id: text,
  }),
  target: Type.Object({
    kind: Type.Union([Type.Literal('project'), Type.Literal('domain'), Type.Literal('system')]),
    /** `all` for the system. */
    id: text,
  }),
  roleId: text,
  inherited: Type.Boolean(),
});

export type Domain = Static<typeof domainSchema>;
export type Project = Static<typeof projectSchema>;
export type User = Static<typeof userSchema>;
export type Group = Static<typeof groupSchema>;
export type Role = Static<typeof roleSchema>;
export type Region = Static<typeof regionSchema>;
export type Service = Static<typeof serviceSchema>;
export type Endpoint = Static<typeof endpointSchema>;
export type AccessRule = Static<typeof accessRuleSchema>;
export type ApplicationCredential = Static<typeof applicationCredentialSchema>;
export type Assignment = Static<typeof assignmentSchema>;
export type Actor = Assignment['actor'];
export type Target = Assignment['target'];
