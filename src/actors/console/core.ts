// The rules of console tokens, pure: what has expired goes with the next token, so that the list stays short.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import {
  type ConsoleAuthorization,
  type ConsoleCommand,
  type ConsoleEvent,
  type ConsoleTokensState,
  MAX_TOKENS,
} from './protocol.ts';

export function initialConsoleTokens(id: string): ConsoleTokensState {
  return { id, authorizations: [] };
}

export function decideConsoleTokens(
  state: ConsoleTokensState,
  { authorization, lifetimeMs }: ConsoleCommand,
  { nowMs }: Facts,
): Accepted<ConsoleEvent, Record<string, never>> {
  if (state.authorizations.some(({ hash }) => hash === authorization.hash)) return accept([], {});
  const expiresAtMs = nowMs + lifetimeMs;
  return accept([{ type: 'console.authorized', authorization, expiresAtMs, atMs: nowMs }], {});
}

export function evolveConsoleTokens(
  state: ConsoleTokensState,
  { authorization, expiresAtMs, atMs }: ConsoleEvent,
): ConsoleTokensState {
  const alive = state.authorizations.filter((known) => known.expiresAtMs > atMs);
  const authorizations = [...alive, { ...authorization, expiresAtMs }].slice(-MAX_TOKENS);
  return { ...state, authorizations };
}

/** Undefined for a token that was never given, or is over. */
export function authorizationOf(
  state: ConsoleTokensState | undefined,
  hash: string,
  nowMs: number,
): ConsoleAuthorization | undefined {
  const found = state?.authorizations.find((known) => known.hash === hash);
  return found === undefined || found.expiresAtMs <= nowMs ? undefined : found;
}

export function consoleTokensInvariants(state: ConsoleTokensState): readonly string[] {
  const broken: string[] = [];
  if (state.authorizations.length > MAX_TOKENS) broken.push('more tokens than allowed');
  for (const { hash } of state.authorizations)
    if (!hash.startsWith(state.id)) broken.push(`a token of ${hash.slice(0, 2)} in ${state.id}`);
  return broken;
}
