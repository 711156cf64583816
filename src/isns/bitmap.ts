/** Attributes whose value is a set of bits; the standard counts bit 31 as the least significant one. */

/** RFC 4171 §6.2.2 */
export const EntityProtocol = { none: 1, iscsi: 2, ifcp: 3 } as const;

/** RFC 4171 §6.4.2 */
export const NodeType = { target: 1, initiator: 2, control: 4 } as const;

/** RFC 4171 §6.4.4 */
export const ScnBitmap = {
  memberAdded: 0x01,
  memberRemoved: 0x02,
  objectUpdated: 0x04,
  objectAdded: 0x08,
  objectRemoved: 0x10,
  management: 0x20,
  targetAndSelfOnly: 0x40,
  initiatorAndSelfOnly: 0x80,
} as const;

/** What only control nodes may ask to be told. */
export const managementBits = ScnBitmap.management | ScnBitmap.memberAdded | ScnBitmap.memberRemoved;

/** RFC 4171 §6.11.2.9 */
export const DdFeature = { bootList: 1 } as const;

/** RFC 4171 §6.11.1.3 */
export const DdsStatus = { enabled: 1 } as const;

const UDP = 0x1_0000;

/** A port as Portal, ESI and SCN ports are written (RFC 4171 §6.3.2). */
export interface TransportPort {
  readonly transport: 'tcp' | 'udp';
  /** 0: the well-known one of the entity's protocol. */
  readonly port: number;
}

export function portFromNumber(value: number): TransportPort {
  return { transport: (value & UDP) === 0 ? 'tcp' : 'udp', port: value & 0xffff };
}

export function portToNumber({ transport, port }: TransportPort): number {
  return transport === 'udp' ? UDP | port : port;
}
