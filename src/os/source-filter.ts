/** A filter that the kernel runs over what reaches a socket: IPv4 datagrams from certain addresses are dropped before they cost anything. */

import { endianness } from 'node:os';
import { type Ipv4Address, ipv4ToNumber } from '../bytes/index.ts';

/** `struct sock_filter` of the classic BPF: code, two jumps, a number. */
const INSTRUCTION = 8;
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
/** SKF_NET_OFF: an offset into the IP header, where the sender's address is at 12. */
const SENDER = 0xfff0_0000 + 12;
const WHOLE = 0xffff_ffff;
const LITTLE_ENDIAN = endianness() === 'LE';

/** At most 255 addresses, as jumps are single bytes. */
export function sourceFilter(dropped: readonly Ipv4Address[]): Uint8Array {
  const jumps = dropped.map(
    (address, index) => [JUMP_IF_EQUAL, dropped.length - index, 0, ipv4ToNumber(address)] as const,
  );
  const program = [
    [LOAD_WORD, 0, 0, SENDER] as const,
    ...jumps,
    [RETURN, 0, 0, WHOLE] as const,
    [RETURN, 0, 0, 0] as const,
  ];
  const bytes = new Uint8Array(program.length * INSTRUCTION);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, ifTrue, ifFalse, number]] of program.entries()) {
    const at = index * INSTRUCTION;
    view.setUint16(at, code, LITTLE_ENDIAN);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, number, LITTLE_ENDIAN);
  }
  return bytes;
}
