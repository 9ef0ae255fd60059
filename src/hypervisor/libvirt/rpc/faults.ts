// libvirt's errors in the words of the port. Numbers decide; texts, which the daemon may translate, only where there is
// no number for it: a full disk that a helper process of libvirt's met. What a number means for one certain call (a
// create that collides) is decided where the call is made.

import { HypervisorFault } from '../../port.ts';
import type { HypervisorFaultCode } from '../../port.ts';
import type { RemoteError } from './structures.ts';

/** virErrorNumber, as far as somebody here looks at it. */
export const virError = {
  internalError: 1,
  noSupport: 3,
  operationFailed: 9,
  systemError: 38,
  rpc: 39,
  noDomain: 42,
  operationInvalid: 55,
  configUnsupported: 67,
  operationTimeout: 68,
  argumentUnsupported: 74,
  operationAborted: 78,
  noDomainMetadata: 80,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  resourceBusy: 87,
  migrateFinishOk: 93,
} as const;

const ENOSPC = 28;
const EDQUOT = 122;
/** As libvirt_iohelper writes it while memory is saved. */
const NO_SPACE = /No space left on device|Disk quota exceeded/;

const codes: Readonly<Record<number, HypervisorFaultCode>> = {
  [virError.noSupport]: 'unsupported',
  [virError.noDomain]: 'guest-not-found',
  [virError.operationInvalid]: 'wrong-state',
  [virError.configUnsupported]: 'unsupported',
  [virError.operationTimeout]: 'timeout',
  [virError.operationAborted]: 'aborted',
  [virError.argumentUnsupported]: 'unsupported',
  [virError.operationUnsupported]: 'unsupported',
};

const retryable: ReadonlySet<number> = new Set([
  virError.operationTimeout,
  virError.agentUnresponsive,
  virError.resourceBusy,
]);

/** `what` names the call: `domainCreateXml`. */
export function faultOfRemoteError(error: RemoteError, what: string): HypervisorFault {
  const message = `libvirt ${what}: ${error.message ?? 'no message'} (code ${error.code}, domain ${error.domain})`;
  return new HypervisorFault(codeOf(error), message, {
    retryable: retryable.has(error.code),
    libvirtCode: error.code,
  });
}

function codeOf(error: RemoteError): HypervisorFaultCode {
  if (error.code === virError.systemError && (error.int1 === ENOSPC || error.int1 === EDQUOT)) {
    return 'no-space';
  }
  if (error.code === virError.operationFailed && NO_SPACE.test(error.message ?? '')) {
    return 'no-space';
  }
  return codes[error.code] ?? 'failed';
}
