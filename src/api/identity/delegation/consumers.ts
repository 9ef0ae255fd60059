// OS-OAUTH1's consumers: programs that a user may let act. The secret is shown once.
import type { FastifyInstance } from 'fastify';
import { extraOf, registerChanges, registerReads, renderWithLink, textOf } from '../collection.ts';
import { checkBody } from '../body-check.ts';
import { entryCollection } from '../entry-collection.ts';
import { isAdmin, readsAll } from '../policy.ts';
import { consumerCreate, consumerUpdate } from '../schemas.ts';
import { type IdentityApi, memberBody, newId, permit, requireToken, write } from '../service.ts';

const attributes = { fields: { description: 'description' }, fixed: ['secret'] };

const consumers = entryCollection('consumer', {
  ...attributes,
  prefix: '/OS-OAUTH1',
  collection: 'consumers',
  member: 'consumer',
  noun: 'Consumer',
  render: ({ extra, id, description }) => ({ ...extra, id, description: description ?? null }),
  filters: {},
  createSchema: consumerCreate,
  updateSchema: consumerUpdate,
  may: { list: readsAll, show: readsAll },
  build: ({ api }, body) => {
    const description = textOf(body, 'description');
    return {
      id: newId(api),
      ...(description === undefined ? {} : { description }),
      secret: newId(api),
      extra: extraOf(attributes, body),
    };
  },
});

export function consumerRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerReads(app, api, consumers);
  registerChanges(app, api, consumers);
  app.post('/OS-OAUTH1/consumers', async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(isAdmin(work.grant), 'create_consumer');
    const body = memberBody(request, 'consumer');
    checkBody(consumerCreate, body);
    const consumer = await consumers.build(work, body);
    await write(api, request, consumers.commands.create(consumer));
    const { secret } = consumer;
    return reply
      .code(201)
      .send({ consumer: { ...renderWithLink(consumers, consumer, work), secret } });
  });
}
