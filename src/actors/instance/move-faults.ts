// Why a server could not be placed or moved, in words for its user and figures for the administrator. Pure.
import type { Refusal } from '#runtime/message/refusal.ts';
import { explainNoHost } from '../scheduler/explain.ts';
import type { HostRefusal } from '../scheduler/protocol.ts';
import type { InstanceFault, InstanceState } from './state.ts';

type Fault = Omit<InstanceFault, 'atMs'>;

/** Nova's words. */
export const disksNeverShrink: Fault = {
  code: 400,
  message: 'Resize error: Unable to resize disk down.',
  details: '',
};

export function overQuota({ detail }: Refusal): Fault {
  const { resource, requested, used, limit } = detail;
  const figures = `Requested ${String(requested)}, but already used ${String(used)} of ${String(limit)}`;
  return { code: 403, message: `Quota exceeded for ${String(resource)}: ${figures}.`, details: '' };
}

/** What proof is missing, and how to give it. */
export function unfenced(refusal: Refusal): Fault {
  const host = String(refusal.detail['host']);
  return {
    code: 409,
    message:
      `There is no proof that host ${host} is down: its guests may still run. Fence it, then say so by forcing its ` +
      'compute service down (PUT /os-services, forced_down).',
    details: '',
  };
}

/** Never a bare "No valid host was found": each host with its filter and figures, for the user and the log. */
export function placementFault(refusal: Refusal, state: InstanceState): Fault {
  const tried = new Map(state.operation?.excludedHosts.map(({ host, reason }) => [host, reason]));
  const refusals = (refusal.detail['refusals'] as readonly HostRefusal[]).map((one) => ({
    ...one,
    reason: tried.get(one.host) ?? one.reason,
  }));
  const lines = refusals.map(({ host, filter, reason }) => `${host}: ${filter}: ${reason}`);
  return {
    code: 500,
    message: explainNoHost(refusals).slice(0, 1000),
    details: lines.join('\n').slice(0, 20_000),
  };
}
