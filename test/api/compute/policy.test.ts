// Who may call what: every call of the compute API as every persona, from inside the project and from outside. What is
// expected comes from Nova's own policies (test/support/docs/nova-policies.ts) and from the short matrix below, not from
// the rules of the code. The calls are asked over HTTP with handlers that do nothing, so that only policy decides.
import type { FastifyInstance } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '#actors/ports/identity.ts';
import { computePlugin } from '#api/compute/plugin.ts';
import type { ComputeAction, ComputeRoute } from '#api/compute/route.ts';
import { computeRoutes } from '#api/compute/routes.ts';
import { buildServer } from '#api/server.ts';
import { wholeRuleName } from '#api/policy/compute-rules-table.ts';
import { present } from '#runtime/assert.ts';
import { novaPolicies } from '#test/support/docs/nova-policies.ts';
import { type ServerCloud, serverCloud } from './server-cloud.ts';
import { caller, OTHER_PROJECT, PROJECT } from './service.ts';

const reader = ['reader'];
const member = ['member', ...reader];
const manager = ['manager', ...member];
const admin = ['admin', ...manager];

const personas: Readonly<Record<string, Caller>> = {
  nobody: caller('nobody', { roles: [] }),
  reader: caller('reader', { roles: reader }),
  member: caller('member', { roles: member }),
  manager: caller('manager', { roles: manager }),
  service: caller('service', { roles: ['service'] }),
  admin: caller('admin', { roles: admin }),
  'other reader': caller('other reader', { roles: reader, projectId: OTHER_PROJECT }),
  'other member': caller('other member', { roles: member, projectId: OTHER_PROJECT }),
  'other manager': caller('other manager', { roles: manager, projectId: OTHER_PROJECT }),
  'other admin': caller('other admin', { roles: admin, projectId: OTHER_PROJECT }),
  'unscoped user': caller('unscoped user', { roles: [], projectId: undefined }),
  'domain admin': {
    ...caller('domain admin', { roles: admin, projectId: undefined }),
    domainId: 'default',
  },
  'system admin': {
    ...caller('system admin', { roles: admin, projectId: undefined }),
    system: true,
  },
};

/** Who may, of those with a role in the project that a thing is of. */
const matrix: Readonly<Record<string, readonly string[]>> = {
  any: ['nobody', 'reader', 'member', 'manager', 'service', 'admin'],
  reader: ['reader', 'member', 'manager', 'admin'],
  member: ['member', 'manager', 'admin'],
  manager: ['manager', 'admin'],
  admin: ['admin'],
  // Nova from 2023.1 on has the service role alone here; before, administrators.
  service: ['service', 'admin'],
  // Of the user: each persona asks for what is its own.
  'owner-user': ['nobody', 'reader', 'member', 'manager', 'service', 'admin'],
};

/** The calls whose things belong to a project that the path names, whoever asks. */
const ofNamedProject = /^\/(os-quota-sets|os-simple-tenant-usage\/:id|os-server-groups\/:id)/;

interface Asked {
  readonly name: string;
  readonly route: ComputeRoute;
  readonly operation: ComputeRoute | ComputeAction;
  readonly persona: string;
}

/** Nova's name of a call. */
function nameOf(route: ComputeRoute, operation: ComputeRoute | ComputeAction): string {
  const path = route.path.replaceAll(/:\w+/g, '*').replace(/^\/os-volumes_boot/, '/servers');
  return `${route.method} ${path}${'name' in operation ? ` ${operation.name}` : ''}`;
}

const calls = computeRoutes
  .flatMap((route) => (route.actions ?? [route]).map((operation) => ({ route, operation })))
  .filter(({ operation }) => operation.gone !== true)
  .map(({ route, operation }) => ({ name: nameOf(route, operation), route, operation }));

describe('the rule of a call', () => {
  it('is the one that Nova asks, with Nova’s default', () => {
    const wrong = calls.flatMap(({ name, operation }) => {
      const rules = novaPolicies.get(name);
      if (operation.policy === undefined) return rules === undefined ? [] : [`${name}: no rule`];
      const isRight = rules?.has(operation.policy) === true;
      return isRight
        ? []
        : [`${name}: ${operation.policy}, not one of ${[...(rules?.keys() ?? [])].join()}`];
    });
    // Flavors are for everyone: Nova has rules for parts of their views alone.
    const open = ['GET /flavors/detail', 'GET /flavors/*'];
    expect(wrong.filter((words) => !open.includes(words.replace(': no rule', '')))).toEqual([]);
  });
});

const asked: readonly Asked[] = calls.flatMap(({ name, route, operation }) => {
  const { policy } = operation;
  if (policy === undefined) return [];
  return [{ name, route, operation, persona: present(novaPolicies.get(name)?.get(policy), name) }];
});

/** The same calls, with nothing behind them. */
function hollow(route: ComputeRoute): ComputeRoute {
  const answers = { query: [{ schema: {} }], success: 200, handler: () => ({}) };
  const { body: _body, actions, ...rest } = route;
  if (actions === undefined) return route.gone === true ? route : { ...rest, ...answers };
  return {
    ...rest,
    actions: actions.map(({ body: _schema, ...action }) =>
      action.gone === true ? action : { ...action, success: 200, handler: answers.handler },
    ),
  };
}

describe('every call', () => {
  let cloud: ServerCloud;
  let app: FastifyInstance;
  let serverId: string;
  let groupId: string;

  beforeAll(async () => {
    cloud = await serverCloud();
    serverId = await cloud.bootActive();
    const group = await cloud.call('POST', '/os-server-groups', {
      server_group: { name: 'together', policies: ['affinity'] },
    });
    groupId = String(group.body.server_group.id);
    const context = {
      ...cloud.context,
      identity: { ...cloud.context.identity, verify: async (token: string) => personas[token] },
    };
    app = buildServer(context, [
      { prefix: '/compute', plugin: computePlugin(context, computeRoutes.map(hollow)) },
    ]);
  });

  function pathOf({ route }: Asked): string {
    const id = route.path.startsWith('/os-server-groups') ? groupId : PROJECT;
    return route.path
      .replace(':server_id', serverId)
      .replaceAll(/:(\w+)/g, (_all, name) => (name === 'id' ? id : 'x'));
  }

  async function ask(one: Asked, persona: string): Promise<{ status: number; message?: string }> {
    const minor = Math.max(1, one.route.since ?? 0, one.operation.since ?? 0);
    const { route, operation } = one;
    const body = 'name' in operation ? { [operation.name]: null } : { keypair: {} };
    const reply = await app.inject({
      method: route.method,
      url: `/compute/v2.1${pathOf(one)}`,
      headers: {
        'x-auth-token': persona,
        'openstack-api-version': `compute 2.${minor}`,
        ...(route.method === 'GET' || route.method === 'DELETE'
          ? {}
          : { 'content-type': 'application/json' }),
      },
      ...(route.method === 'GET' || route.method === 'DELETE'
        ? {}
        : { payload: JSON.stringify(body) }),
    });
    const answer = reply.json<Record<string, { message?: string }>>();
    const message = Object.values(answer)[0]?.message;
    return { status: reply.statusCode, ...(message === undefined ? {} : { message }) };
  }

  function expected({ route, operation, persona }: Asked, name: string) {
    const rule = wholeRuleName(present(operation.policy, 'rule'));
    const refused = { status: 403, message: `Policy doesn't allow ${rule} to be performed.` };
    const hidden = { status: 404, message: `Instance ${serverId} could not be found.` };
    const { projectId, system, domainId } = present(personas[name], name);
    const isServers = /^\/(servers|os-volumes_boot)\/:server_id/.test(route.path);
    if (system || domainId !== undefined) return refused;
    const rank = name.replace('other ', '');
    if (isServers && projectId !== PROJECT && rank !== 'admin') return hidden;
    if (persona === 'any' || persona === 'owner-user') return { status: 200 };
    const isOutside = projectId !== PROJECT && ofNamedProject.test(route.path);
    const isOfProject = ['reader', 'member', 'manager'].includes(persona);
    if (isOutside && isOfProject && rank !== 'admin') return refused;
    return matrix[persona]?.includes(rank) === true ? { status: 200 } : refused;
  }

  it('is one of a number that leaves none out', () => {
    expect(asked.length).toBeGreaterThan(170);
  });

  it.each(Object.keys(personas))('answers %s as Nova does', async (persona) => {
    const wrong: unknown[] = [];
    for (const one of asked) {
      const answer = await ask(one, persona);
      const wanted = expected(one, persona);
      if (JSON.stringify(answer) !== JSON.stringify(wanted))
        wrong.push({ call: one.name, answer, wanted });
    }
    expect(wrong).toEqual([]);
  });
});
