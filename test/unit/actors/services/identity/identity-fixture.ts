// An identity state built by commands, as its shell would: for tests of the core.
import { identityEntity } from '#actors/services/identity/entity.ts';
import type { IdentityCommand, IdentityEvent } from '#actors/services/identity/protocol.ts';
import type { Domain, Project, Role, User } from '#actors/services/identity/records.ts';
import { type IdentityState, initialIdentity } from '#actors/services/identity/state.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';

export interface Fixture {
  state: IdentityState;
  nowMs: number;
  /** The events, or the refusal; the state has moved on. */
  tell(command: IdentityCommand): readonly IdentityEvent[] | Refusal;
  /** Throws if one of them is refused. */
  given(...commands: readonly IdentityCommand[]): void;
}

export function fixture(): Fixture {
  const self: Fixture = {
    state: initialIdentity(),
    nowMs: 1000,
    tell: (command) => {
      const facts = { nowMs: self.nowMs, requestId: 'req-test' };
      const outcome = identityEntity.decide(self.state, command, facts);
      if (isRefusal(outcome)) return outcome;
      for (const event of outcome.events) {
        self.state = identityEntity.evolve(self.state, event);
      }
      const violations = identityEntity.invariants(self.state);
      if (violations.length > 0) throw new Error(violations.join('; '));
      return outcome.events;
    },
    given: (...commands) => {
      for (const command of commands) {
        const outcome = self.tell(command);
        if (isRefusal(outcome)) throw new Error(`${command.type}: ${outcome.refused}`);
      }
    },
  };
  return self;
}

export function domain(id: string, fields: Partial<Domain> = {}): Domain {
  return {
    id,
    name: id,
    description: '',
    enabled: true,
    tags: [],
    options: {},
    extra: {},
    revokedBeforeMs: 0,
    ...fields,
  };
}

export function project(id: string, fields: Partial<Project> = {}): Project {
  return { ...domain(id), domainId: 'd', parentId: 'd', ...fields };
}

export function user(id: string, fields: Partial<User> = {}): User {
  return {
    id,
    name: id,
    domainId: 'd',
    enabled: true,
    options: {},
    extra: {},
    revokedBeforeMs: 0,
    ...fields,
  };
}

export function role(id: string, fields: Partial<Role> = {}): Role {
  return { id, name: id, options: {}, extra: {}, ...fields };
}
