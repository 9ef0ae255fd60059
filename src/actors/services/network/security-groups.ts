// Finds a project's security groups, and makes its default group when it is first needed.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { startingRules } from './security-rules.ts';
import { type GroupRecord, networkProjects } from './tenancy-protocol.ts';
import { findGroup, type GroupState, type RuleState, type TenancyState } from './tenancy-state.ts';

export interface FoundGroup {
  readonly projectId: string;
  readonly group: GroupState;
}

const UNLIMITED = -1;

export class SecurityGroups {
  readonly #env: Env;
  readonly #router: Router;
  readonly #view: StateView<TenancyState>;

  constructor(options: {
    readonly env: Env;
    readonly router: Router;
    readonly tenancies: StateView<TenancyState>;
  }) {
    this.#env = options.env;
    this.#router = options.router;
    this.#view = options.tenancies;
  }

  /** By id, of any project. */
  find(groupId: string): FoundGroup | undefined {
    for (const tenancy of this.#view.values()) {
      const group = findGroup(tenancy, groupId);
      if (group !== undefined) return { projectId: tenancy.id, group };
    }
    return undefined;
  }

  findRule(ruleId: string): (FoundGroup & { readonly rule: RuleState }) | undefined {
    for (const tenancy of this.#view.values())
      for (const group of tenancy.groups) {
        const rule = group.rules.find((each) => each.id === ruleId);
        if (rule !== undefined) return { projectId: tenancy.id, group, rule };
      }
    return undefined;
  }

  *all(): IterableIterator<FoundGroup> {
    for (const tenancy of this.#view.values())
      for (const group of tenancy.groups) yield { projectId: tenancy.id, group };
  }

  /** One of a project's groups by id or name. Refusals: group-not-found, group-ambiguous. */
  named(projectId: string, nameOrId: string): GroupState | Refusal {
    const groups = this.#view.get(projectId)?.groups ?? [];
    const byId = groups.find(({ id }) => id === nameOrId);
    if (byId !== undefined) return byId;
    const [group, ...more] = groups.filter(({ name }) => name === nameOrId);
    if (group === undefined) return refuse('group-not-found', { groupId: nameOrId });
    return more.length > 0 ? refuse('group-ambiguous', { groupId: nameOrId }) : group;
  }

  /** Ids of the groups with these names or ids; of the default group if none is named. */
  async resolve(
    projectId: string,
    namesOrIds: readonly string[],
    requestId: string,
  ): Promise<readonly string[] | Refusal> {
    const defaultGroup = await this.ensureDefault(projectId, requestId);
    if (namesOrIds.length === 0) return [defaultGroup.id];
    const ids = new Set<string>();
    for (const nameOrId of namesOrIds) {
      const group = this.named(projectId, nameOrId);
      if ('refused' in group) return group;
      ids.add(group.id);
    }
    return [...ids];
  }

  async ensureDefault(projectId: string, requestId: string): Promise<GroupState> {
    const known = this.#default(projectId);
    if (known !== undefined) return known;
    const { random } = this.#env;
    const group: GroupRecord = {
      id: random.uuid(),
      name: 'default',
      description: 'Default security group',
      stateful: true,
      isDefault: true,
    };
    const ids = Array.from({ length: 4 }, () => random.uuid());
    await this.#router.ask(
      networkProjects.ref(projectId),
      {
        type: 'network-project.create-group',
        group,
        rules: [...startingRules(group.id, true, ids)],
        groupQuota: UNLIMITED,
        ruleQuota: UNLIMITED,
        changeId: random.uuid(),
      },
      { requestId },
    );
    const made = this.#default(projectId);
    if (made === undefined) throw new Error(`project ${projectId} has no default security group`);
    return made;
  }

  #default(projectId: string): GroupState | undefined {
    return this.#view.get(projectId)?.groups.find((group) => group.isDefault);
  }
}
