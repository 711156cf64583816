/** Whether an ACK keeps what the offer before it promised (RFC 2131 §4.3.2: the two SHOULD NOT conflict). */

import type { DhcpMessage } from '../message.ts';
import { Option } from '../option.ts';
import type { OptionType } from '../option-list.ts';

/** What decides where the machine's disk is, or who the machine is there. */
const promises: readonly OptionType<unknown>[] = [
  Option.rootPath,
  Option.vendorSpecific,
  Option.ipxe,
  Option.initiatorName,
];

/** How the ACK contradicts the offer, as a clause that follows the server's name; undefined when it does not. */
export function contradiction(offer: DhcpMessage, ack: DhcpMessage): string | undefined {
  if (ack.yiaddr !== offer.yiaddr) return `offered ${offer.yiaddr} and confirmed ${ack.yiaddr}`;
  const broken = promises.find(({ code }) => {
    const [offered, confirmed] = [offer.options.raw(code), ack.options.raw(code)];
    return offered !== undefined && confirmed !== undefined && Buffer.compare(offered, confirmed) !== 0;
  });
  return broken && `confirmed another ${broken.name} (option ${broken.code}) than it had offered`;
}
