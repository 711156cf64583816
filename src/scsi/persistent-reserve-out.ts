/** PERSISTENT RESERVE OUT: what it asks for (SPC-4). */

import { bits, flag, layout, readU32, u8, u16, u32, u64 } from '../bytes/index.ts';
import { decodeTransportId, type TransportId } from './transport-id.ts';

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
