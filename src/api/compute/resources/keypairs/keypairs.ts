// /os-keypairs: a user's public keys. Until 2.91 the service also makes pairs; the private half is told once, never kept.
import { keypairOf } from '#actors/catalog/lookup.ts';
import { type Keypair, keypairs } from '#actors/catalog/protocol.ts';
import { badRequest, notFound } from '../../envelope.ts';
import type { PolicyTarget } from '../../../policy/evaluate.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { createKeypair, listKeypairs, ofOneUser } from './keypair-schemas.ts';
import { momentOf } from '../moments.ts';
import { linksField, MAX_PAGE, pageOf } from '../paging.ts';
import { limitsOf } from '../quotas/quota-limits.ts';
import { generateSshKeys, sshFingerprint } from './ssh-keys.ts';
import { generateX509Keys, x509Fingerprint } from './x509-keys.ts';

export const keypairRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-keypairs',
    query: listKeypairs,
    policy: 'os-keypairs:index',
    policyTarget,
    handler: list,
  },
  {
    method: 'POST',
    path: '/os-keypairs',
    body: createKeypair,
    policy: 'os-keypairs:create',
    policyTarget: (call) => ({ userId: userOf(call, (call.body as CreateBody).keypair.user_id) }),
    success: [
      { until: 1, code: 200 },
      { since: 2, code: 201 },
    ],
    handler: create,
  },
  {
    method: 'GET',
    path: '/os-keypairs/:name',
    query: ofOneUser,
    policy: 'os-keypairs:show',
    policyTarget,
    handler: show,
  },
  {
    method: 'DELETE',
    path: '/os-keypairs/:name',
    query: ofOneUser,
    policy: 'os-keypairs:delete',
    policyTarget,
    success: [
      { until: 1, code: 202 },
      { since: 2, code: 204 },
    ],
    handler: async (call) => {
      const userId = userOf(call);
      await ask(call, keypairs.ref(userId), { type: 'keypair.delete', name: nameOf(call) });
    },
  },
];

function nameOf(call: ComputeCall): string {
  return call.params['name'] ?? '';
}

/** The caller, or from 2.10 on who is named: whether that is allowed, policy says. */
function userOf(call: ComputeCall, asked = call.queryValue('user_id')): string {
  return (call.from(10) ? asked : undefined) ?? call.caller.userId;
}

function policyTarget(call: ComputeCall): PolicyTarget {
  return { userId: userOf(call) };
}

function typeField(call: ComputeCall, { type }: Pick<Keypair, 'type'>): object {
  return call.from(2) ? { type } : {};
}

async function list(call: ComputeCall): Promise<object> {
  const userId = userOf(call);
  await call.context.views.barrier();
  const all = [...(call.context.keypairs.get(userId)?.keypairs ?? [])].sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
  const view = (keypair: Keypair): object => ({
    keypair: {
      name: keypair.name,
      public_key: keypair.publicKey,
      fingerprint: keypair.fingerprint,
      ...typeField(call, keypair),
    },
  });
  if (!call.from(35)) return { keypairs: all.slice(0, MAX_PAGE).map(view) };
  const page = pageOf(call, { items: all, idOf: ({ name }) => name, path: '/os-keypairs' });
  return { keypairs: page.items.map(view), ...linksField('keypairs', page.links) };
}

async function show(call: ComputeCall): Promise<object> {
  const userId = userOf(call);
  await call.context.views.barrier();
  const keypair = keypairOf(call.context.keypairs.get(userId), nameOf(call));
  if (keypair === undefined) throw notFound(`Keypair ${nameOf(call)} not found for user ${userId}`);
  return {
    keypair: {
      created_at: momentOf(keypair.createdAtMs),
      deleted: false,
      deleted_at: null,
      id: keypair.number,
      user_id: userId,
      updated_at: null,
      name: keypair.name,
      public_key: keypair.publicKey,
      fingerprint: keypair.fingerprint,
      ...typeField(call, keypair),
    },
  };
}

interface CreateBody {
  readonly keypair: {
    readonly name: string;
    readonly public_key?: string;
    readonly type?: Keypair['type'];
    readonly user_id?: string;
  };
}

async function create(call: ComputeCall): Promise<object> {
  const { keypair: asked } = call.body as CreateBody;
  const userId = userOf(call, asked.user_id);
  const type = asked.type ?? 'ssh';
  const generated = asked.public_key === undefined ? await generate(call, type, userId) : undefined;
  const publicKey = generated?.publicKey ?? asked.public_key ?? '';
  const fingerprint = type === 'ssh' ? sshFingerprint(publicKey) : x509Fingerprint(publicKey);
  if (fingerprint === undefined)
    throw badRequest('Keypair data is invalid: failed to generate fingerprint');
  await call.context.views.barrier();
  await ask(call, keypairs.ref(userId), {
    type: 'keypair.create',
    keypair: { name: asked.name, type, publicKey, fingerprint },
    limit: limitsOf(call.context, call.caller.projectId).key_pairs,
  });
  return {
    keypair: {
      name: asked.name,
      public_key: publicKey,
      fingerprint,
      user_id: userId,
      ...(generated === undefined ? {} : { private_key: generated.privateKey }),
      ...typeField(call, { type }),
    },
  };
}

function generate(call: ComputeCall, type: Keypair['type'], userId: string) {
  if (type === 'ssh') return generateSshKeys();
  const { clock, random } = call.context.env;
  return generateX509Keys({ userId, nowMs: clock.now(), serial: random.bytes(8) });
}
