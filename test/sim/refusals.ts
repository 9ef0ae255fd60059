// Whether a refusal was right: it must be what the rules say of the server as it is stored, or the refuser has decided on
// a state that others had moved on from. Nothing else would show that, since a refusal leaves nothing behind.
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceCommand } from '#actors/instance/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { decodeEvent } from '#runtime/entity/codec.ts';
import type { MemoryDisk } from '#runtime/journal/memory-disk.ts';
import type { EntityKey } from '#runtime/journal/port.ts';
import { isRefusal } from '#runtime/message/refusal.ts';

export interface Stored {
  readonly state: InstanceState;
  readonly version: number;
}

export function storedServer(disk: MemoryDisk, serverId: string): Stored {
  const key: EntityKey = `instance/${serverId}`;
  let [state, version] = [instanceDefinition.initial(serverId), 0];
  for (const entry of disk.read(key, 0)) {
    for (const event of entry.events)
      state = instanceDefinition.evolve(
        state,
        decodeEvent(instanceDefinition.events, event) as never,
      );
    ({ version } = entry);
  }
  return { state, version };
}

/** Undefined if it was right; else what the rules say. */
export function wrongRefusal(
  { state }: Stored,
  asked: {
    readonly command: InstanceCommand;
    readonly requestId: string;
    readonly reply: unknown;
    readonly nowMs: number;
  },
): string | undefined {
  const { command, requestId, reply, nowMs } = asked;
  if (!isRefusal(reply)) return undefined;
  const outcome = instanceDefinition.decide(state, command, { nowMs, requestId });
  if (isRefusal(outcome) && outcome.refused === reply.refused) return undefined;
  const right = isRefusal(outcome) ? outcome.refused : 'yes';
  return `was told ${reply.refused}, and the journal says ${right}`;
}
