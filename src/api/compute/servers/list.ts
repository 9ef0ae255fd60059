// `GET /servers` and `GET /servers/detail`: choose, order, page, and join the servers' texts.
import type { InstanceState } from '#actors/instance/state.ts';
import { present } from '#runtime/assert.ts';
import { badRequest } from '../envelope.ts';
import { zoneOfNamed } from '../host-zone.ts';
import { type ComputeCall, JsonText } from '../route.ts';
import { isSelected, type ServerSelection, selectServers } from './filters.ts';
import { hostStatusOf, hostStatusSight } from './host-status.ts';
import { positionOf } from './reads.ts';
import { serverOrder, type ServerOrder } from './sort.ts';
import { serverView, viewFamily } from './views/detail.ts';
import { nextLink, serverLinks } from './views/links.ts';
import { sightOf } from './views/sight.ts';

/** osapi_max_limit. */
export const MAX_PAGE = 1_000;

/** One list for all that have none, so that their texts stay the same. */
const noAddresses: readonly never[] = [];

export async function listServers(call: ComputeCall): Promise<JsonText> {
  return list(call, false);
}

export async function listServersDetail(call: ComputeCall): Promise<JsonText> {
  return list(call, true);
}

async function list(call: ComputeCall, detail: boolean): Promise<JsonText> {
  const selection = selectServers(call, detail);
  const order = serverOrder(call);
  const limit = pageLimit(call);
  await call.context.views.barrier();
  const marker = markerOf(call);
  const page =
    selection.isEmpty || limit === 0 ? [] : choosePage(call, { selection, order, marker, limit });
  const texts = detail ? detailTexts(call, page) : summaryTexts(call, page);
  const last = page.at(-1);
  const isFull = last !== undefined && page.length === limit;
  const links = isFull
    ? `, "servers_links": ${JSON.stringify([nextPage(call, detail, last)])}`
    : '';
  return new JsonText(`{"servers": [${texts.join(', ')}]${links}}`);
}

function nextPage(call: ComputeCall, detail: boolean, last: InstanceState) {
  const collection = `${call.selfBase}/servers${detail ? '/detail' : ''}`;
  return nextLink(collection, call.query, last.id);
}

/** What is asked for, at most MAX_PAGE. */
export function pageLimit(call: ComputeCall): number {
  const text = call.queryValue('limit');
  if (text === undefined) return MAX_PAGE;
  if (!/^\d+$/.test(text)) throw badRequest(`Invalid input received: limit must be an integer`);
  return Math.min(MAX_PAGE, Number(text));
}

function markerOf(call: ComputeCall): InstanceState | undefined {
  const id = call.queryValue('marker');
  if (id === undefined) return undefined;
  const marker = call.reads.find(id, call.caller) ?? call.reads.findDeleted(id, call.caller);
  if (marker === undefined) throw badRequest(`marker [${id}] not found`);
  return marker;
}

interface PageRequest {
  readonly selection: ServerSelection;
  readonly order: ServerOrder;
  readonly marker: InstanceState | undefined;
  readonly limit: number;
}

function choosePage(call: ComputeCall, request: PageRequest): readonly InstanceState[] {
  const { selection, order, marker, limit } = request;
  if (order.isDefault && selection.source === 'living') return newestFirst(call, request);
  const candidates = [
    ...(selection.source === 'deleted' ? [] : call.reads.living(selection.projectId)),
    ...(selection.source === 'living' ? [] : call.reads.deleted()),
  ];
  return candidates
    .filter(
      (state) =>
        isSelected(selection, state) && (marker === undefined || order.compare(state, marker) > 0),
    )
    .sort((left, right) => order.compare(left, right))
    .slice(0, limit);
}

/** The read model is in this order already, so a page costs no more than itself and what its filters pass over. */
function newestFirst(call: ComputeCall, request: PageRequest): readonly InstanceState[] {
  const { selection, marker, limit } = request;
  const servers = call.reads.living(selection.projectId);
  const page: InstanceState[] = [];
  let index = (marker === undefined ? servers.length : positionOf(servers, marker)) - 1;
  for (; index >= 0 && page.length < limit; index -= 1) {
    const state = present(servers[index], 'server in the list');
    if (isSelected(selection, state)) page.push(state);
  }
  return page;
}

function summaryTexts(call: ComputeCall, page: readonly InstanceState[]): readonly string[] {
  return page.map((state) =>
    JSON.stringify({
      id: state.id,
      name: state.request?.name,
      links: serverLinks(call, state.id),
    }),
  );
}

function detailTexts(call: ComputeCall, page: readonly InstanceState[]): readonly string[] {
  const { microversion, selfBase, bookmarkBase, reads, context } = call;
  const sight = sightOf(call);
  const zoneOf = (host: string) => zoneOfNamed(context, host);
  const options = { microversion, ...sight, selfBase, bookmarkBase, zoneOf };
  const form = `${viewFamily(microversion)} ${Object.values(sight).join(' ')} ${reads.zonesVersion} ${selfBase} ${bookmarkBase}`;
  const texts = page.map((state) => {
    const securityGroups = context.securityGroups?.namesOf(state.id);
    const floating = context.floatingOf?.(state.id) ?? noAddresses;
    return reads.json.text(form, { state, beside: [securityGroups, floating] }, () =>
      serverView(state, { ...options, securityGroups, floating }),
    );
  });
  const sees = hostStatusSight(call);
  if (sees === 'none') return texts;
  return texts.map((text, index) => {
    const status = hostStatusOf(present(page[index], 'server of a text'), context);
    if (sees === 'unknown' && status !== 'UNKNOWN') return text;
    return `${text.slice(0, -1)},"host_status":"${status}"}`;
  });
}
