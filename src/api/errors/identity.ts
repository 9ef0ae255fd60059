// What the identity service's refusals mean in HTTP, in Keystone's words.
import type { ErrorTable } from './entry.ts';

const kindTexts: Readonly<Record<string, string>> = {
  'application-credential': 'application_credential',
};

/** Words for kinds where "Could not find" has others than the kind itself. */
const notFoundTexts: Readonly<Record<string, string>> = {
  'endpoint-group': 'Endpoint Group',
  'identity-provider': 'Identity Provider',
  'service-provider': 'Service Provider',
  'registered-limit': 'registered limit for',
  limit: 'limit for',
  consumer: 'Consumer',
};

export const identityErrors = {
  'identity-not-found': {
    status: 404,
    message: ({ kind, id }) =>
      `Could not find ${notFoundTexts[text(kind)] ?? text(kind)}: ${text(id)}.`,
  },
  /** A thing that the body refers to, not the address. */
  'identity-reference-not-found': {
    status: 400,
    message: ({ kind, id }) => `Could not find ${text(kind)}: ${text(id)}.`,
  },
  'identity-name-taken': { status: 409, message: nameTaken },
  'resource-immutable': {
    status: 403,
    message: ({ kind, id }) =>
      `Unable to update immutable ${text(kind)} resource: ${text(id)}. Set resource option "immutable" to false first.`,
  },
  'resource-immutable-delete': {
    status: 403,
    message: ({ kind, id }) =>
      `Unable to delete immutable ${text(kind)} resource: ${text(id)}. Set resource option "immutable" to false first.`,
  },
  'domain-enabled': {
    status: 403,
    message: () => 'Cannot delete a domain that is enabled, please disable it first.',
  },
  'default-project-is-domain': {
    status: 400,
    message: ({ id }) => `User's default project ID cannot be a domain ID: ${text(id)}`,
  },
  'project-parent-is-other-domain': {
    status: 400,
    message: ({ parentId, domainId }) =>
      `Cannot create project, the parent (${text(parentId)}) is acting as a domain, but this project's domain id (${text(domainId)}) does not match the parent's id.`,
  },
  'project-parent-in-other-domain': {
    status: 400,
    message: ({ domainId, parentDomainId }) =>
      `Cannot create project, since it specifies its domain_id ${text(domainId)}, but specifies a parent in a different domain (${text(parentDomainId)}).`,
  },
  'project-branch-disabled': {
    status: 400,
    message: ({ id }) =>
      `cannot create a project in a branch containing a disabled project: ${text(id)}`,
  },
  'project-too-deep': {
    status: 403,
    message: ({ id }) => `Max hierarchy depth reached for ${text(id)} branch.`,
  },
  'project-parents-disabled': {
    status: 403,
    message: ({ id }) => `Cannot enable project ${text(id)} since it has disabled parents`,
  },
  'project-subtree-enabled': {
    status: 403,
    message: ({ id }) =>
      `Cannot disable project ${text(id)} since its subtree contains enabled projects.`,
  },
  'project-not-leaf': {
    status: 403,
    message: ({ id }) =>
      `Cannot delete the project ${text(id)} since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree.`,
  },
  'role-cannot-be-implied': {
    status: 403,
    message: ({ id }) => `${text(id)} cannot be an implied roles.`,
  },
  'role-implies-itself': {
    status: 403,
    message: ({ priorRoleId, impliedRoleId }) =>
      `Role ${text(impliedRoleId)} implies ${text(priorRoleId)} already: the reverse would make a circle.`,
  },
  'role-of-other-domain': {
    status: 403,
    message: ({ projectId, roleId }) =>
      `Project ${text(projectId)} must be in the same domain as the role ${text(roleId)} being assigned.`,
  },
  'role-of-domain-on-system': {
    status: 400,
    message: ({ roleId }) =>
      `Role ${text(roleId)} is a domain-specific role. Unable to use a domain-specific role in a system assignment.`,
  },
  'role-not-held': {
    status: 400,
    message: ({ roleId }) =>
      `Invalid application credential: Could not find role assignment with role: ${text(roleId)}.`,
  },
  'access-rule-in-use': {
    status: 403,
    message: ({ id }) =>
      `You are not authorized to perform the requested action: access rule ${text(id)} is used by an application credential.`,
  },
  'region-exists': {
    status: 409,
    message: ({ id }) =>
      `Conflict occurred attempting to store region - Duplicate ID, ${text(id)}..`,
  },
  'region-circle': {
    status: 400,
    message: ({ parentId }) =>
      `The specified parent region ${text(parentId)} would create a circular region hierarchy.`,
  },
  'region-in-use': {
    status: 403,
    message: ({ id }) =>
      `Unable to delete region ${text(id)} because it or its child regions have associated endpoints.`,
  },
  'identity-entry-malformed': {
    status: 400,
    message: ({ kind, id }) => `The ${text(kind)} ${text(id)} can't have these values.`,
  },
  'identity-entry-exists': {
    status: 409,
    message: ({ kind, id }) =>
      `Conflict occurred attempting to store ${text(kind)} - Duplicate entry found with ID ${text(id)}.`,
  },
  'trust-used-up': {
    status: 403,
    message: ({ id }) => `No remaining uses for trust: ${text(id)}.`,
  },
  'request-token-not-authorized': {
    status: 401,
    message: () => 'Request Token does not have an authorizing user id.',
  },
  'request-token-verifier-wrong': {
    status: 401,
    message: () => 'Provided verifier does not match stored verifier',
  },
  'limit-exists': {
    status: 409,
    message: ({ kind, resourceName }) =>
      `Conflict occurred attempting to store ${text(kind).replace('-', '_')} - Duplicate entry found for resource ${text(resourceName)}.`,
  },
  'registered-limit-in-use': {
    status: 403,
    message: ({ id }) =>
      `Unable to update or delete registered limit ${text(id)} because there are project limits associated with it.`,
  },
  'limit-not-registered': {
    status: 403,
    message: () => 'Unable to create a limit that has no corresponding registered limit.',
  },
  'limit-reference-missing': {
    status: 400,
    message: ({ attribute, id }) =>
      `Expecting to find ${text(attribute)} in ${text(id)}. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.`,
  },
  'endpoint-reference-missing': {
    status: 400,
    message: ({ field, table }) =>
      `Expecting to find endpoint ${text(field)} in ${text(table)} table. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.`,
  },
} as const satisfies ErrorTable;

/** Projects and domains share a table in Keystone, and so one sentence each; the rest is SQL's. */
function nameTaken(detail: Readonly<Record<string, unknown>>): string {
  const [kind, name, scope, id] = [detail.kind, detail.name, detail.scope, detail.id].map(text);
  const store = `Conflict occurred attempting to store ${kindTexts[kind ?? ''] ?? kind}`;
  if (kind === 'domain')
    return `${store} - it is not permitted to have two projects acting as domains with the same name: ${name}.`;
  if (kind === 'project')
    return `${store} - it is not permitted to have two projects with either the same name or same id in the same domain: name is ${name}, project id ${id}.`;
  const place = kind === 'role' || scope === '' ? '' : ` at domain ID ${scope}`;
  return `${store} - Duplicate entry found with name ${name}${kind === 'application-credential' ? '' : place}.`;
}

function text(value: unknown): string {
  return String(value);
}
