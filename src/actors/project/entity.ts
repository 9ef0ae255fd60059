// Binds the quota rules to the entity shell.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { decideProject, defaultQuotaLimits, type ProjectEffect, todoProject } from './core.ts';
import { evolveProject, initialProject, projectInvariants } from './evolve.ts';
import {
  projectCommands,
  projectEvents,
  projects,
  type ProjectState,
  type QuotaLimits,
} from './protocol.ts';

export type ProjectDefinition = EntityDefinition<
  ProjectState,
  typeof projectCommands,
  typeof projectEvents,
  ProjectEffect
>;

/** `defaults` come from the configuration; −1 is unlimited. */
export function makeProjectDefinition(defaults: QuotaLimits): ProjectDefinition {
  return {
    kind: projects.kind,
    commands: projectCommands,
    events: projectEvents,
    schema: 1,
    snapshotEvery: 1000,
    initial: initialProject,
    decide: (state, command, facts) => decideProject(state, command, { facts, defaults }),
    evolve: evolveProject,
    todo: todoProject,
    invariants: projectInvariants,
  };
}

export const projectDefinition = makeProjectDefinition(defaultQuotaLimits);
