// GET /admin/servers/{id}/explain: how the scheduler would place a server now, filter by filter, for administrators.
// No part of OpenStack's APIs; `kilonova explain` asks it.
import type { FastifyPluginCallback } from 'fastify';
import { explainServer, type ExplainSources } from '#actors/scheduler/explained.ts';
import { authenticate } from '../authenticate.ts';
import type { ApiContext } from '../context.ts';

/** What is asked and answered here, for those who ask. */
export type { ExplainedServer } from '#actors/scheduler/explained.ts';

export function explainPlugin(context: ApiContext & ExplainSources): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook('onRequest', authenticate(context));
    app.get<{ Params: { readonly id: string } }>('/servers/:id/explain', async (request, reply) => {
      const isAdmin = request.caller?.isAdmin ?? false;
      if (!isAdmin)
        return reply
          .code(403)
          .send(fault(403, 'Only administrators may ask how servers are placed.'));
      const { id } = request.params;
      await context.views.barrier();
      const explained = await explainServer(context, id.toLowerCase());
      if (explained === undefined)
        return reply.code(404).send(fault(404, `Instance ${id} could not be found.`));
      return explained;
    });
    done();
  };
}

function fault(code: number, message: string): object {
  return { error: { code, message } };
}
