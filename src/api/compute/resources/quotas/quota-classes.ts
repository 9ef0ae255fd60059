// /os-quota-class-sets: limits for whole classes of projects. Only the class `default` has members: every project
// without limits of its own; others are kept and shown, as in Nova.
import { defaultQuotaLimits, limitsInForce } from '#actors/project/core.ts';
import { projects, quotaClassId } from '#actors/project/protocol.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { quotaClassNames, updateQuotaClass } from './quota-schemas.ts';

const path = '/os-quota-class-sets/:id';

export const quotaClassRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path,
    policy: 'os-quota-class-sets:show',
    handler: async (call) => ({
      quota_class_set: { id: nameOf(call), ...(await limitsOfClass(call)) },
    }),
  },
  {
    method: 'PUT',
    path,
    policy: 'os-quota-class-sets:update',
    body: updateQuotaClass,
    handler: async (call) => {
      const asked = (call.body as { quota_class_set: Readonly<Record<string, string | number>> })
        .quota_class_set;
      await ask(call, projects.ref(quotaClassId(nameOf(call))), {
        type: 'project.set-limits',
        limits: Object.fromEntries(
          Object.entries(asked).map(([name, value]) => [name, Number(value)]),
        ),
        force: true,
      });
      return { quota_class_set: await limitsOfClass(call) };
    },
  },
];

function nameOf(call: ComputeCall): string {
  return call.params['id'] ?? '';
}

async function limitsOfClass(call: ComputeCall): Promise<Record<string, number>> {
  await call.context.views.barrier();
  const { projects: states, quotaDefaults = defaultQuotaLimits } = call.context;
  const own = states.get(quotaClassId(nameOf(call)))?.limits ?? {};
  const limits = limitsInForce(quotaDefaults, own);
  return Object.fromEntries(
    quotaClassNames(call.microversion).map((name) => [name, limits[name] ?? -1]),
  );
}
