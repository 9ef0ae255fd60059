// Trouble of hypervisor, storage and network, as a node tells it to instances: in words for people.
import { HypervisorFault } from '#hypervisor/port.ts';
import { NodeFault, type NodeFaultCode } from './protocol.ts';

/** What was being done, for the sentence: `the disk of server …`. */
export function nodeFaultOf(error: unknown, doing: string): NodeFault {
  if (error instanceof NodeFault) return error;
  if (!(error instanceof HypervisorFault)) {
    const message = error instanceof Error ? error.message : String(error);
    return new NodeFault('hypervisor', `${doing} failed: ${message}`, {
      retryable: false,
      cause: error,
    });
  }
  const code = codes[error.code];
  return new NodeFault(code, `${doing} failed: ${error.message}`, {
    retryable: code === 'host-unreachable' || error.retryable || elsewhere.has(code),
    cause: error,
  });
}

const codes: Readonly<Record<HypervisorFault['code'], NodeFaultCode>> = {
  'guest-not-found': 'not-found',
  'guest-exists': 'hypervisor',
  'wrong-state': 'hypervisor',
  aborted: 'hypervisor',
  'connection-lost': 'host-unreachable',
  timeout: 'timeout',
  'no-space': 'no-space',
  'image-refused': 'image-refused',
  unsupported: 'hypervisor',
  failed: 'hypervisor',
};

/** Another host may well manage what this one could not. */
const elsewhere: ReadonlySet<NodeFaultCode> = new Set([
  'no-space',
  'hypervisor',
  'timeout',
  'network',
]);
