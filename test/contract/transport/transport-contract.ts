// The contract of a transport: what every adapter does, the simulated one included.
import { describeLinks } from './link-contract.ts';
import { describeMessages } from './message-contract.ts';
import { describeStrangers } from './stranger-contract.ts';
import type { TransportSubject } from './transport-harness.ts';

export function describeTransport(subject: TransportSubject): void {
  describeLinks(subject);
  describeMessages(subject);
  describeStrangers(subject);
}
