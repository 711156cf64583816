/** The initiator ports of a world. The last never logs in: keys can be registered for it all the same. */

export interface InitiatorPort {
  readonly initiatorName: string;
  /** Twelve hex digits. */
  readonly isid: string;
}

const name = (letter: string): string => `iqn.2026-11.internal.test:${letter}`;

export const initiatorPorts: readonly InitiatorPort[] = [
  { initiatorName: name('a'), isid: '800000000001' },
  { initiatorName: name('a'), isid: '800000000002' },
  { initiatorName: name('b'), isid: '800000000001' },
  { initiatorName: name('c'), isid: '800000000001' },
];

/** Those that log in. */
export const ASKING_PORTS = 3;

/** A TransportID of an iSCSI initiator port (SPC-4): its name with the ISID, in a multiple of four bytes. */
export function transportId(port: number): Buffer {
  const { initiatorName, isid } = initiatorPorts[port] ?? { initiatorName: '', isid: '' };
  const text = `${initiatorName},i,0x${isid}`;
  const length = Math.ceil((text.length + 1) / 4) * 4;
  const result = Buffer.alloc(4 + length);
  result[0] = 0x45;
  result.writeUInt16BE(length, 2);
  result.write(text, 4, 'ascii');
  return result;
}
