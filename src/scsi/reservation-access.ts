/**
 * What a nexus that does not hold a persistent reservation may still do: the commands of SPC-4 and SBC-3, sorted
 * into the three ways that those tables treat them.
 */

import { PreventAllowMediumRemovalCdb, StartStopUnitCdb } from './cdb.ts';

/**
 * `always`: under every type. `unless exclusive`: under the write exclusive types, to everybody; under the exclusive access types
 * to holders and, where registrants share the access, to registrants. `holders`: only to those. `by start`, `by prevent`: the CDB
 * decides between `always` and `holders`. The commands that only change reservations decide for themselves and are `always` here.
 */
export type ReservationAccess = 'always' | 'unless exclusive' | 'holders' | 'by start' | 'by prevent';

const always = [
  'copyOperationAbort',
  'inquiry',
  'logSense',
  'readCapacity10',
  'readCapacity16',
  'release6',
  'reportIdentifyingInformation',
  'reportLuns',
  'reportTargetPortGroups',
  'reportTimestamp',
  'requestSense',
  'reserve6',
  'testUnitReady',
] as const;

const unlessExclusive = [
  'getLbaStatus',
  'modeSense6',
  'modeSense10',
  'populateToken',
  'preFetch10',
  'preFetch16',
  'read6',
  'read10',
  'read12',
  'read16',
  'read32',
  'readBuffer10',
  'readBuffer16',
  'readDefectData10',
  'readDefectData12',
  'receiveCopyOperatingParameters',
  'receiveCopyOperationStatus',
  'receiveCopyStatus',
  'receiveRodTokenInformation',
  'reportSupportedOperationCodes',
  'reportSupportedTaskManagementFunctions',
  'verify10',
  'verify12',
  'verify16',
  'verify32',
] as const;

const table: ReadonlyMap<string, ReservationAccess> = new Map<string, ReservationAccess>([
  ...always.map((name) => [name, 'always'] as const),
  ...unlessExclusive.map((name) => [name, 'unless exclusive'] as const),
  ['startStopUnit', 'by start'],
  ['preventAllowMediumRemoval', 'by prevent'],
]);

/** Every command that is not listed writes, or changes the unit: it is for holders only. */
export function reservationAccess(commandName: string): ReservationAccess {
  if (commandName.startsWith('persistentReserve')) return 'always';
  return table.get(commandName) ?? 'holders';
}

/** The same with what the CDB decides settled. */
export function settledReservationAccess(
  access: ReservationAccess,
  cdb: Uint8Array,
): Exclude<ReservationAccess, 'by start' | 'by prevent'> {
  if (access === 'by start') {
    const { startMedium, powerCondition } = StartStopUnitCdb.view(cdb);
    return startMedium && powerCondition === 0 ? 'always' : 'holders';
  }
  if (access === 'by prevent') return PreventAllowMediumRemovalCdb.view(cdb).prevent === 0 ? 'always' : 'holders';
  return access;
}
