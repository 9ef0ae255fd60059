// Limits are made many at a time, all or none: POST takes a list, and answers with what it has made.
import type { FastifyInstance } from 'fastify';
import type { Entry, EntryOf, EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { checkBody } from '../body-check.ts';
import { type Body, type Collection, renderWithLink } from '../collection.ts';
import { isAdmin } from '../policy.ts';
import { invalid } from '../problem.ts';
import { type IdentityApi, jsonBody, permit, requireToken, stateOf, write } from '../service.ts';

type BatchKind = 'limit' | 'registered-limit';

/** More than fit in a body of the largest size are not needed; the bound keeps one write small. */
const largestBatch = 1000;

export function registerBatch<K extends BatchKind>(
  app: FastifyInstance,
  api: IdentityApi,
  kind: K,
  spec: Collection<EntryRecord<K>>,
): void {
  app.post(`/${spec.collection}`, async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(isAdmin(work.grant), `create_${spec.collection}`);
    const bodies = jsonBody(request)[spec.collection] ?? {};
    checkBody(spec.createSchema, bodies);
    const items = bodies as readonly Body[];
    if (items.length > largestBatch)
      throw invalid(
        `Invalid input for field '${spec.collection}': more than ${largestBatch} items`,
      );
    const records: EntryRecord<K>[] = [];
    for (const body of items) records.push(await spec.build(work, body));
    const entries = records.map((record) => ({ kind, record }) as EntryOf<BatchKind> as Entry);
    await write(api, request, { type: 'identity.add-entries', entries });
    const made = records.flatMap(({ id }) => spec.find(stateOf(api), id) ?? []);
    return reply
      .code(201)
      .send({ [spec.collection]: made.map((record) => renderWithLink(spec, record, work)) });
  });
}
