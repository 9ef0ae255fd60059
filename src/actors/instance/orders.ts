// What a host is told for a step: the order, with all that it needs of the server's record. Pure.
import type { GuestPlan, NodeOrder } from '../node/protocol.ts';
import { SHUTDOWN_GRACE_MS } from './operations/power.ts';
import { makesDisk } from './operations/table.ts';
import type { Grant, InstanceState } from './state.ts';
import type { InstanceEffect } from './todo.ts';

type Shared = Pick<NodeOrder, 'orderId' | 'serverId' | 'runEpoch' | 'requestId'>;

export function orderOf(effect: InstanceEffect, state: InstanceState, grant: Grant): NodeOrder {
  const shared: Shared = {
    orderId: effect.id,
    serverId: state.id,
    runEpoch: grant.runEpoch,
    requestId: effect.requestId,
  };
  const plan = planOf(state, grant);
  const order =
    guestOrder(effect, shared, plan) ??
    diskOrder(effect, shared, { state, plan }) ??
    deviceOrder(effect, shared, { state, plan });
  if (order === undefined) throw new Error(`effect ${effect.kind} is no order to a host`);
  const isMadeAnew = effect.kind !== 'rebuild-guest' && state.needsRebuild === true;
  if (order.type === 'node.build' && state.operation?.name === 'evacuate')
    return { ...order, starts: !staysDown(state) };
  if (!isMadeAnew || !makesDisk(effect.kind)) return order;
  return { type: 'node.rebuild', ...shared, plan, keepsExtraDisks: false, isOff: false };
}

function guestOrder(
  { kind }: InstanceEffect,
  shared: Shared,
  plan: GuestPlan,
): NodeOrder | undefined {
  switch (kind) {
    case 'build-guest':
      return {
        type: 'node.build',
        ...shared,
        plan,
      };
    case 'destroy-guest':
      return { type: 'node.destroy', ...shared, plan };
    case 'start-guest':
    case 'restart-guest':
      return { type: 'node.start', ...shared, plan };
    case 'power-off-guest':
      return { type: 'node.stop', ...shared, plan, graceMs: 0 };
    case 'stop-guest':
      return { type: 'node.stop', ...shared, plan, graceMs: SHUTDOWN_GRACE_MS };
    case 'reboot-guest':
      return { type: 'node.reboot', ...shared, plan, hard: false, graceMs: SHUTDOWN_GRACE_MS };
    case 'reset-guest':
      return { type: 'node.reboot', ...shared, plan, hard: true, graceMs: 0 };
    case 'pause-guest':
      return { type: 'node.pause', ...shared };
    case 'unpause-guest':
      return { type: 'node.unpause', ...shared };
    case 'suspend-guest':
      return { type: 'node.suspend', ...shared };
    case 'resume-guest':
      return { type: 'node.resume', ...shared, plan };
    default:
      return undefined;
  }
}

/** Orders that change what a guest's disks are, or take a copy of them. */
function diskOrder(
  { kind }: InstanceEffect,
  shared: Shared,
  { state, plan }: { readonly state: InstanceState; readonly plan: GuestPlan },
): NodeOrder | undefined {
  const { parameters, fromVmState } = state.operation ?? {};
  const { rebuild, rescue, snapshot } = parameters ?? {};
  switch (kind) {
    case 'fetch-image':
      return { type: 'node.fetch-image', ...shared, image: told(rebuild, 'rebuild').image };
    case 'rebuild-guest': {
      const keepsExtraDisks = told(rebuild, 'rebuild').preserveEphemeral;
      const isOff = fromVmState === 'stopped';
      return { type: 'node.rebuild', ...shared, plan, keepsExtraDisks, isOff };
    }
    case 'rescue-guest': {
      const { image } = told(rescue, 'rescue');
      return { type: 'node.rescue', ...shared, plan, image, graceMs: SHUTDOWN_GRACE_MS };
    }
    case 'unrescue-guest':
      return { type: 'node.unrescue', ...shared, plan };
    case 'snapshot-guest':
      return { type: 'node.snapshot', ...shared, isRunning: fromVmState === 'active' };
    case 'upload-snapshot':
      return { type: 'node.upload-snapshot', ...shared, imageId: told(snapshot, 'snapshot').id };
    case 'drop-snapshot':
      return { type: 'node.drop-snapshot', ...shared };
    default:
      return undefined;
  }
}

function deviceOrder(
  { kind }: InstanceEffect,
  shared: Shared,
  { state, plan }: { readonly state: InstanceState; readonly plan: GuestPlan },
): NodeOrder | undefined {
  const { attach, detach, addresses, password: login } = state.operation?.parameters ?? {};
  if (kind === 'set-password') {
    const { user, adminPass: password } = told(login, 'password');
    return { type: 'node.set-password', ...shared, user, password };
  }
  const portId = (): string =>
    told(attach?.port ?? detach ?? addresses, 'change of interfaces').portId;
  if (kind === 'attach-interface')
    return { type: 'node.attach-interface', ...shared, plan, portId: portId() };
  if (kind === 'detach-interface')
    return { type: 'node.detach-interface', ...shared, plan, portId: portId() };
  return undefined;
}

function told<T>(parameter: T | undefined, name: string): T {
  if (parameter === undefined) throw new Error(`a ${name} without its parameter`);
  return parameter;
}

/** A server that is made from the image of its shelve has its disk whole, for that image is removed. */
export function planOf(state: InstanceState, grant: Pick<Grant, 'availabilityZone'>): GuestPlan {
  const { request, shelved } = state;
  if (request === undefined) throw new Error(`instance ${state.id} has no request`);
  const { projectId, userId, name, hostname, flavor, configDrive } = request;
  const hasWholeDisk = shelved?.image !== undefined || state.hasWholeDisk === true;
  return {
    serverId: state.id,
    projectId,
    userId,
    name,
    hostname,
    flavor,
    image: shelved?.image ?? request.image,
    ports: state.ports,
    configDrive,
    availabilityZone: grant.availabilityZone,
    ...(hasWholeDisk ? { hasWholeDisk } : {}),
  };
}

/** An evacuated server that was down stays down; from 2.95 every one does. */
function staysDown({ operation }: InstanceState): boolean {
  if (operation?.name !== 'evacuate') return false;
  return operation.parameters.staysDown === true || operation.fromVmState === 'stopped';
}
