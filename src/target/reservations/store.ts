/**
 * Reservations through power loss (APTPL, SPC-4): where they are kept, and in which form. The form is JSON with a version;
 * whatever does not check is refused as a whole, since a reservation that is half there protects nobody.
 */

import type { Awaitable } from '../../block/device.ts';
import { DisklessError } from '../../bytes/index.ts';
import { reservationType } from '../../scsi/persistent-reservation.ts';
import { MAXIMUM_REGISTRATIONS } from './register.ts';
import { type NexusName, noReservations, type Registration, type ReservationState, sameNexus } from './state.ts';

/** Keeps one unit's reservations. */
export interface ReservationStore {
  /** What was saved last; undefined when nothing ever was. */
  load(): Awaitable<Uint8Array | undefined>;
  /** Replaces what was saved. It survives power loss once this is done; where it fails, the old content is still there. */
  save(content: Uint8Array): Awaitable<void>;
}

const VERSION = 1;

interface SavedNexus {
  readonly initiatorName: string;
  readonly isid: string;
  readonly relativeTargetPort: number;
}

/** Only what persists: nothing at all unless APTPL is active. */
export function encodeReservations(state: ReservationState): Uint8Array {
  const kept = state.persistsThroughPowerLoss ? state : noReservations;
  const content = {
    version: VERSION,
    registrations: kept.registrations.map(({ nexus, key }) => ({ ...nexus, key: key.toString(16).padStart(16, '0') })),
    reservation: kept.reservation ?? null,
  };
  return new TextEncoder().encode(`${JSON.stringify(content)}\n`);
}

/** The state at power on. Raises RESERVATIONS_DAMAGED, RESERVATIONS_VERSION. */
export function decodeReservations(content: Uint8Array): ReservationState {
  const saved = parse(content);
  if (!isRecord(saved)) throw damaged('it is not an object');
  if (saved.version !== VERSION) {
    throw new DisklessError(
      'RESERVATIONS_VERSION',
      `saved reservations have version ${String(saved.version)}, not ${VERSION}`,
      {
        hint: 'they were written by another release: run that one, or remove them while no initiator relies on them',
      },
    );
  }
  const registrations = readRegistrations(saved.registrations);
  if (saved.reservation === null) return powerOn(registrations, undefined);
  if (!isRecord(saved.reservation)) throw damaged('the reservation is not an object');
  const type = reservationType(Number(saved.reservation.type));
  if (type === undefined) throw damaged(`there is no reservation type ${String(saved.reservation.type)}`);
  const holder = saved.reservation.holder === undefined ? undefined : readNexus(saved.reservation.holder);
  const held =
    holder === undefined ? registrations.length > 0 : registrations.some(({ nexus }) => sameNexus(nexus, holder));
  if (!held) throw damaged('the holder of the reservation is not registered');
  return powerOn(registrations, { type, holder });
}

function powerOn(
  registrations: readonly Registration[],
  reservation: ReservationState['reservation'],
): ReservationState {
  return { generation: 0, registrations, reservation, persistsThroughPowerLoss: registrations.length > 0 };
}

function readRegistrations(value: unknown): Registration[] {
  if (!Array.isArray(value) || value.length > MAXIMUM_REGISTRATIONS) throw damaged('the registrations are not a list');
  const registrations = value.map((entry: unknown) => ({ nexus: readNexus(entry), key: readKey(entry) }));
  const duplicate = registrations.some(({ nexus }, index) =>
    registrations.slice(0, index).some((other) => sameNexus(other.nexus, nexus)),
  );
  if (duplicate) throw damaged('a nexus is registered twice');
  return registrations;
}

function readKey(entry: unknown): bigint {
  const key = isRecord(entry) ? entry.key : undefined;
  if (typeof key !== 'string' || !/^[0-9a-f]{16}$/.test(key) || /^0*$/.test(key)) throw damaged('a key is malformed');
  return BigInt(`0x${key}`);
}

function readNexus(entry: unknown): NexusName {
  if (!isNexus(entry)) throw damaged('a nexus is malformed');
  const { initiatorName, isid, relativeTargetPort } = entry;
  return { initiatorName, isid, relativeTargetPort };
}

function isNexus(entry: unknown): entry is SavedNexus {
  return (
    isRecord(entry) &&
    typeof entry.initiatorName === 'string' &&
    entry.initiatorName.length > 0 &&
    typeof entry.isid === 'string' &&
    /^[0-9a-f]{12}$/.test(entry.isid) &&
    typeof entry.relativeTargetPort === 'number' &&
    Number.isInteger(entry.relativeTargetPort) &&
    entry.relativeTargetPort >= 0 &&
    entry.relativeTargetPort <= 0xffff
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
}

function damaged(why: string, cause?: unknown): DisklessError {
  return new DisklessError('RESERVATIONS_DAMAGED', `saved persistent reservations cannot be read: ${why}`, {
    hint: 'restore them from a copy, or remove them while no initiator relies on them and let the initiators register again',
    cause,
  });
}
