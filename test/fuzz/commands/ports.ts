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

/** In the place of a port: all ports of the first initiator that have a session, which a TransportID without an ISID stands for. */
export const FIRST_INITIATOR = initiatorPorts.length;

/** The ports that a TransportID stands for. */
export function portsOf(port: number): readonly number[] {
  return port === FIRST_INITIATOR ? [0, 1] : [port];
}

/** A TransportID of an iSCSI initiator port or of an initiator (SPC-4): its name in a multiple of four bytes. */
export function transportId(port: number): Buffer {
  const isInitiator = port === FIRST_INITIATOR;
  const { initiatorName, isid } = initiatorPorts[isInitiator ? 0 : port] ?? { initiatorName: '', isid: '' };
  const text = isInitiator ? initiatorName : `${initiatorName},i,0x${isid}`;
  const length = Math.ceil((text.length + 1) / 4) * 4;
  const result = Buffer.alloc(4 + length);
  result[0] = isInitiator ? 0x05 : 0x45;
  result.writeUInt16BE(length, 2);
  result.write(text, 4, 'ascii');
  return result;
}
