// Sends a resource's command to its entity and turns a refusal into the reply that Nova would give.
import type {
  CommandCatalog,
  CommandNamed,
  EntityRef,
  ReplyOf,
} from '#runtime/message/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { refusalFault } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';

/** Throws a ComputeFault for a refusal. */
export async function ask<P extends CommandCatalog, T extends keyof P & string>(
  call: ComputeCall,
  ref: EntityRef<P>,
  command: CommandNamed<P, T>,
): Promise<ReplyOf<P, T>> {
  const { requestId } = call;
  const answer = await call.context.router.ask(ref, command, { requestId });
  if (isRefusal(answer)) throw refusalFault(answer);
  return answer;
}
