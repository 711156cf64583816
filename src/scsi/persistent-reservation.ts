/** PERSISTENT RESERVE IN and OUT as data: CDBs, parameter lists and what is answered (SPC-4). */

import { bits, flag, layout, readU32, u8, u16, u32, u64 } from '../bytes/index.ts';
import { decodeTransportId, encodeTransportId, type TransportId } from './transport-id.ts';

/** SERVICE ACTION of PERSISTENT RESERVE IN. */
export const PersistentReserveInAction = {
  readKeys: 0x00,
  readReservation: 0x01,
  reportCapabilities: 0x02,
  readFullStatus: 0x03,
} as const;

/** SERVICE ACTION of PERSISTENT RESERVE OUT. */
export const PersistentReserveOutAction = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  preemptAndAbort: 0x05,
  registerAndIgnoreExistingKey: 0x06,
  registerAndMove: 0x07,
} as const;

/** SCOPE: reservations of anything but the whole logical unit are obsolete. */
export const LU_SCOPE = 0;

/** TYPE of a reservation. */
export const ReservationType = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrantsOnly: 5,
  exclusiveAccessRegistrantsOnly: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const;

export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

export const reservationTypes: readonly ReservationType[] = Object.values(ReservationType);

/** The type that a TYPE field names; undefined for the obsolete and reserved ones. */
export function reservationType(value: number): ReservationType | undefined {
  return reservationTypes.find((type) => type === value);
}

export const PersistentReserveInCdb = layout('PERSISTENT RESERVE IN', 10, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  allocationLength: u16(7),
});

export const PersistentReserveOutCdb = layout('PERSISTENT RESERVE OUT', 10, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  scope: bits(2, 4, 4),
  type: bits(2, 0, 4),
  parameterListLength: u32(5),
});

export const ReserveOutParameters = layout('PERSISTENT RESERVE OUT parameter list', 24, {
  reservationKey: u64(0),
  serviceActionReservationKey: u64(8),
  specifyInitiatorPorts: flag(20, 3),
  allTargetPorts: flag(20, 2),
  activatePersistThroughPowerLoss: flag(20, 0),
});

export const RegisterAndMoveParameters = layout('REGISTER AND MOVE parameter list', 24, {
  reservationKey: u64(0),
  serviceActionReservationKey: u64(8),
  unregister: flag(17, 1),
  activatePersistThroughPowerLoss: flag(17, 0),
  relativeTargetPortIdentifier: u16(18),
  transportIdLength: u32(20),
});

/** What a PERSISTENT RESERVE OUT asks for. Keys are 64 bits; 0 is no key. `type` is TYPE as it came. */
export type ReserveOutRequest =
  | {
      readonly action: 'register';
      readonly ignoreExistingKey: boolean;
      readonly reservationKey: bigint;
      readonly serviceActionReservationKey: bigint;
      readonly allTargetPorts: boolean;
      readonly activatePersistThroughPowerLoss: boolean;
      /** The ports to register beside the sender's (SPEC_I_PT); undefined without that bit. */
      readonly initiatorPorts: readonly TransportId[] | undefined;
    }
  | {
      readonly action: 'reserve' | 'release';
      readonly scope: number;
      readonly type: number;
      readonly reservationKey: bigint;
    }
  | { readonly action: 'clear'; readonly reservationKey: bigint }
  | {
      readonly action: 'preempt';
      readonly abort: boolean;
      readonly scope: number;
      readonly type: number;
      readonly reservationKey: bigint;
      readonly serviceActionReservationKey: bigint;
    }
  | {
      readonly action: 'registerAndMove';
      readonly reservationKey: bigint;
      readonly serviceActionReservationKey: bigint;
      readonly unregister: boolean;
      readonly activatePersistThroughPowerLoss: boolean;
      readonly relativeTargetPort: number;
      readonly transportId: TransportId;
    };

/** What is wrong with a command: its parameter list's length, or the byte at which a field cannot be. */
export type MalformedReserveOut =
  | { readonly malformed: 'parameter list length' }
  | { readonly malformed: 'cdb' | 'parameter list'; readonly byte: number };

const wrongLength: MalformedReserveOut = { malformed: 'parameter list length' };

/** Reads the CDB and its parameter list, which is as long as was received. */
export function decodeReserveOut(cdb: Uint8Array, list: Uint8Array): ReserveOutRequest | MalformedReserveOut {
  const { serviceAction, scope, type, parameterListLength } = PersistentReserveOutCdb.view(cdb);
  if (serviceAction > PersistentReserveOutAction.registerAndMove) return { malformed: 'cdb', byte: 1 };
  if (list.length < parameterListLength || parameterListLength < ReserveOutParameters.size) return wrongLength;
  const parameters = list.subarray(0, parameterListLength);
  if (serviceAction === PersistentReserveOutAction.registerAndMove) return decodeRegisterAndMove(parameters);
  const view = ReserveOutParameters.view(parameters);
  if (view.specifyInitiatorPorts && serviceAction !== PersistentReserveOutAction.register) {
    return { malformed: 'parameter list', byte: 20 };
  }
  if (!view.specifyInitiatorPorts && parameterListLength !== ReserveOutParameters.size) return wrongLength;
  const { reservationKey, serviceActionReservationKey } = view;
  switch (serviceAction) {
    case PersistentReserveOutAction.register:
    case PersistentReserveOutAction.registerAndIgnoreExistingKey: {
      const initiatorPorts = view.specifyInitiatorPorts ? decodeInitiatorPorts(parameters) : undefined;
      if (initiatorPorts !== undefined && 'malformed' in initiatorPorts) return initiatorPorts;
      return {
        action: 'register',
        ignoreExistingKey: serviceAction === PersistentReserveOutAction.registerAndIgnoreExistingKey,
        reservationKey,
        serviceActionReservationKey,
        allTargetPorts: view.allTargetPorts,
        activatePersistThroughPowerLoss: view.activatePersistThroughPowerLoss,
        initiatorPorts,
      };
    }
    case PersistentReserveOutAction.reserve:
      return { action: 'reserve', scope, type, reservationKey };
    case PersistentReserveOutAction.release:
      return { action: 'release', scope, type, reservationKey };
    case PersistentReserveOutAction.clear:
      return { action: 'clear', reservationKey };
    case PersistentReserveOutAction.preempt:
    case PersistentReserveOutAction.preemptAndAbort: {
      const abort = serviceAction === PersistentReserveOutAction.preemptAndAbort;
      return { action: 'preempt', abort, scope, type, reservationKey, serviceActionReservationKey };
    }
    default:
      return { malformed: 'cdb', byte: 1 };
  }
}

function decodeInitiatorPorts(parameters: Uint8Array): readonly TransportId[] | MalformedReserveOut {
  const start = ReserveOutParameters.size + 4;
  if (parameters.length < start) return wrongLength;
  const end = start + readU32(parameters, ReserveOutParameters.size);
  if (parameters.length !== end) return wrongLength;
  const ports: TransportId[] = [];
  for (let at = start; at < end; ) {
    const decoded = decodeTransportId(parameters, at);
    if (decoded === undefined) return { malformed: 'parameter list', byte: at };
    ports.push(decoded.transportId);
    at += decoded.length;
  }
  return ports;
}

function decodeRegisterAndMove(parameters: Uint8Array): ReserveOutRequest | MalformedReserveOut {
  const view = RegisterAndMoveParameters.view(parameters);
  const start = RegisterAndMoveParameters.size;
  if (parameters.length !== start + view.transportIdLength) return wrongLength;
  const decoded = decodeTransportId(parameters, start);
  if (decoded === undefined || decoded.length !== view.transportIdLength) {
    return { malformed: 'parameter list', byte: start };
  }
  return {
    action: 'registerAndMove',
    reservationKey: view.reservationKey,
    serviceActionReservationKey: view.serviceActionReservationKey,
    unregister: view.unregister,
    activatePersistThroughPowerLoss: view.activatePersistThroughPowerLoss,
    relativeTargetPort: view.relativeTargetPortIdentifier,
    transportId: decoded.transportId,
  };
}

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
