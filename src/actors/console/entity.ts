// Binds the rules of console tokens to the entity shell. They need no effects: an expired token is one that is too old.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import {
  consoleTokensInvariants,
  decideConsoleTokens,
  evolveConsoleTokens,
  initialConsoleTokens,
} from './core.ts';
import {
  consoleCommands,
  consoleEvents,
  consoleTokens,
  type ConsoleTokensState,
} from './protocol.ts';

export const consoleTokensDefinition: EntityDefinition<
  ConsoleTokensState,
  typeof consoleCommands,
  typeof consoleEvents
> = {
  kind: consoleTokens.kind,
  commands: consoleCommands,
  events: consoleEvents,
  schema: 1,
  dropsHistory: true,
  initial: initialConsoleTokens,
  decide: decideConsoleTokens,
  evolve: evolveConsoleTokens,
  todo: () => [],
  invariants: consoleTokensInvariants,
};
