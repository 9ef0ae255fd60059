// The identity entity: one decider per command, evolve, and what must always hold.
import { endpointDeciders, regionDeciders, serviceDeciders } from './decide/catalog.ts';
import { entryDeciders } from './decide/entries.ts';
import type { Deciders, Outcome } from './decide/outcome.ts';
import { credentialDeciders, groupDeciders, userDeciders } from './decide/people.ts';
import { domainDeciders, projectDeciders } from './decide/projects.ts';
import { grantDeciders, roleDeciders } from './decide/roles.ts';
import { seedDeciders } from './decide/seed.ts';
import { evolveIdentity } from './evolve.ts';
import { type IdentityCommand, identityCommands, identityEvents } from './protocol.ts';
import { type IdentityState, initialIdentity } from './state.ts';
import type { EntityDefinition, Facts } from '#runtime/entity/definition.ts';

const deciders: Deciders<keyof typeof identityCommands> = {
  ...seedDeciders,
  ...domainDeciders,
  ...projectDeciders,
  ...userDeciders,
  ...groupDeciders,
  ...credentialDeciders,
  ...roleDeciders,
  ...grantDeciders,
  ...regionDeciders,
  ...serviceDeciders,
  ...endpointDeciders,
  ...entryDeciders,
};

export const identityEntity: EntityDefinition<
  IdentityState,
  typeof identityCommands,
  typeof identityEvents
> = {
  kind: 'identity',
  commands: identityCommands,
  events: identityEvents,
  schema: 2,
  initial: initialIdentity,
  decide: (state, command, facts) => {
    const decide = deciders[command.type] as (
      state: IdentityState,
      command: IdentityCommand,
      facts: Facts,
    ) => Outcome;
    return decide(state, command, facts);
  },
  evolve: evolveIdentity,
  todo: () => [],
  invariants: identityViolations,
};

/** Cheap enough for every event: each named record has exactly one name entry. */
export function identityViolations(state: IdentityState): readonly string[] {
  const named =
    state.domains.size +
    state.projects.size +
    state.users.size +
    state.groups.size +
    state.roles.size +
    state.applicationCredentials.size;
  return named === state.names.size
    ? []
    : [`${named} named records but ${state.names.size} names: two of them share one`];
}
