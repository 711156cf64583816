/** PERSISTENT RESERVE IN: what it is answered (SPC-4). */

import { bits, flag, layout, u8, u16, u32, u64 } from '../bytes/index.ts';
import { LU_SCOPE, type ReservationType } from './persistent-reservation.ts';
import { encodeTransportId, type TransportId } from './transport-id.ts';

/** SERVICE ACTION of PERSISTENT RESERVE IN. */
export const PersistentReserveInAction = {
  readKeys: 0x00,
  readReservation: 0x01,
  reportCapabilities: 0x02,
  readFullStatus: 0x03,
} as const;

export const PersistentReserveInCdb = layout('PERSISTENT RESERVE IN', 10, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  allocationLength: u16(7),
});

const InHeader = layout('PERSISTENT RESERVE IN parameter data', 8, { generation: u32(0), additionalLength: u32(4) });

const ReservationDescriptor = layout('reservation descriptor', 16, {
  reservationKey: u64(0),
  scope: bits(13, 4, 4),
  type: bits(13, 0, 4),
});

const FullStatusDescriptor = layout('full status descriptor', 24, {
  reservationKey: u64(0),
  allTargetPorts: flag(12, 1),
  reservationHolder: flag(12, 0),
  scope: bits(13, 4, 4),
  type: bits(13, 0, 4),
  relativeTargetPortIdentifier: u16(18),
  additionalDescriptorLength: u32(20),
});

export const ReservationCapabilities = layout('REPORT CAPABILITIES parameter data', 8, {
  length: u16(0),
  compatibleReservationHandling: flag(2, 4),
  specifyInitiatorPortsCapable: flag(2, 3),
  allTargetPortsCapable: flag(2, 2),
  persistThroughPowerLossCapable: flag(2, 0),
  typeMaskValid: flag(3, 7),
  allowCommands: bits(3, 4, 3),
  persistThroughPowerLossActivated: flag(3, 0),
  writeExclusiveAllRegistrants: flag(4, 7),
  exclusiveAccessRegistrantsOnly: flag(4, 6),
  writeExclusiveRegistrantsOnly: flag(4, 5),
  exclusiveAccess: flag(4, 3),
  writeExclusive: flag(4, 1),
  exclusiveAccessAllRegistrants: flag(5, 0),
});

/**
 * ALLOW COMMANDS 011b: TEST UNIT READY passes every reservation; MODE SENSE, READ BUFFER and the REPORT
 * SUPPORTED commands pass those that are write exclusive. `reservation-access.ts` is the table itself.
 */
const ALLOW_COMMANDS = 3;

/** READ KEYS. ADDITIONAL LENGTH counts all keys, however few the initiator's buffer holds. */
export function encodeKeys(generation: number, keys: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(InHeader.size + keys.length * 8);
  InHeader.write(result, 0, { generation, additionalLength: keys.length * 8 });
  keys.forEach((key, index) => {
    u64(InHeader.size + index * 8).write(result, 0, key);
  });
  return result;
}

export interface ReservationSummary {
  /** The holder's key; 0 for the all registrants types, which all registered nexuses hold. */
  readonly reservationKey: bigint;
  readonly type: ReservationType;
}

/** READ RESERVATION. */
export function encodeReservation(
  generation: number,
  reservation: ReservationSummary | undefined,
): Uint8Array<ArrayBuffer> {
  if (reservation === undefined) return InHeader.encode({ generation });
  const result = new Uint8Array(InHeader.size + ReservationDescriptor.size);
  InHeader.write(result, 0, { generation, additionalLength: ReservationDescriptor.size });
  ReservationDescriptor.write(result, InHeader.size, { ...reservation, scope: LU_SCOPE });
  return result;
}

/** REPORT CAPABILITIES. `durable`: whether reservations can be kept through power loss, and are at present. */
export function encodeReservationCapabilities(durable: {
  readonly capable: boolean;
  readonly activated: boolean;
}): Uint8Array<ArrayBuffer> {
  return ReservationCapabilities.encode({
    length: ReservationCapabilities.size,
    compatibleReservationHandling: true,
    specifyInitiatorPortsCapable: true,
    allTargetPortsCapable: true,
    persistThroughPowerLossCapable: durable.capable,
    typeMaskValid: true,
    allowCommands: ALLOW_COMMANDS,
    persistThroughPowerLossActivated: durable.activated,
    writeExclusive: true,
    exclusiveAccess: true,
    writeExclusiveRegistrantsOnly: true,
    exclusiveAccessRegistrantsOnly: true,
    writeExclusiveAllRegistrants: true,
    exclusiveAccessAllRegistrants: true,
  });
}

export interface FullStatus {
  readonly reservationKey: bigint;
  /** The type of the reservation that this nexus holds. */
  readonly holds: ReservationType | undefined;
  readonly relativeTargetPort: number;
  readonly transportId: TransportId;
}

/** READ FULL STATUS: a descriptor for each registered nexus. */
export function encodeFullStatus(generation: number, nexuses: readonly FullStatus[]): Uint8Array<ArrayBuffer> {
  const transportIds = nexuses.map(({ transportId }) => encodeTransportId(transportId));
  const length = transportIds.reduce((sum, { length }) => sum + FullStatusDescriptor.size + length, 0);
  const result = new Uint8Array(InHeader.size + length);
  InHeader.write(result, 0, { generation, additionalLength: length });
  let at = InHeader.size;
  nexuses.forEach((nexus, index) => {
    const transportId = transportIds[index] ?? new Uint8Array(0);
    FullStatusDescriptor.write(result, at, {
      reservationKey: nexus.reservationKey,
      reservationHolder: nexus.holds !== undefined,
      scope: LU_SCOPE,
      type: nexus.holds ?? 0,
      relativeTargetPortIdentifier: nexus.relativeTargetPort,
      additionalDescriptorLength: transportId.length,
    });
    result.set(transportId, at + FullStatusDescriptor.size);
    at += FullStatusDescriptor.size + transportId.length;
  });
  return result;
}
