/** Every command of the table with what runs it. The type makes sure that none is forgotten. */

import {
  ADDITIONAL_CDB_LENGTH,
  type CommandDescription,
  type CommandName,
  commandNames,
  describeCommand,
  dpoFuaBits,
  dpoFuaByte,
  LONG_CDB_ADDITIONAL_LENGTH,
  LONG_CDB_LENGTH,
  operationCodes,
  type ReservationAccess,
  reservationAccess,
  serviceActionOf,
  VARIABLE_LENGTH,
} from '../../scsi/index.ts';
import { INVALID_OPERATION_CODE, invalidFieldInCdb, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import { atomicCommands } from './atomic.ts';
import { bufferCommands } from './buffer.ts';
import { cacheCommands } from './cache.ts';
import { capacityCommands } from './capacity.ts';
import type { Command } from './command.ts';
import { defectCommands } from './defects.ts';
import { diagnosticCommands } from './diagnostic.ts';
import { formatCommands } from './format.ts';
import { identifyingInformationCommands } from './identifying-information.ts';
import { inquiryCommands } from './inquiry.ts';
import { lbaStatusCommands } from './lba-status.ts';
import { logCommands } from './log.ts';
import { modeCommands } from './mode.ts';
import { provisioningCommands } from './provisioning.ts';
import { removalCommands } from './removal.ts';
import { reportCommands } from './report.ts';
import { reserveCommands } from './reserve.ts';
import { sanitizeCommands } from './sanitize.ts';
import { targetPortGroupCommands } from './target-port-group.ts';
import { thirdPartyCopyCommands } from './third-party-copy.ts';
import { timestampCommands } from './timestamp.ts';
import { transferCommands } from './transfer.ts';
import { unitStateCommands } from './unit-state.ts';
import { verifyCommands } from './verify.ts';

const commands: Record<CommandName, Command> = {
  ...atomicCommands,
  ...bufferCommands,
  ...cacheCommands,
  ...capacityCommands,
  ...defectCommands,
  ...diagnosticCommands,
  ...formatCommands,
  ...identifyingInformationCommands,
  ...inquiryCommands,
  ...lbaStatusCommands,
  ...logCommands,
  ...modeCommands,
  ...provisioningCommands,
  ...removalCommands,
  ...reportCommands,
  ...reserveCommands,
  ...sanitizeCommands,
  ...targetPortGroupCommands,
  ...thirdPartyCopyCommands,
  ...timestampCommands,
  ...transferCommands,
  ...unitStateCommands,
  ...verifyCommands,
};

/** What the table says of a command, with what runs it: one shape for all, which the checks of every command read. */
export interface DispatchEntry {
  readonly name: CommandName;
  readonly command: Command;
  readonly needs: CommandDescription['needs'];
  readonly medium: CommandDescription['medium'];
  /** False: however late it comes to its end, nothing is altered by that, so that who aborts it need not wait. */
  readonly changesUnit: boolean;
  readonly needsMedium: boolean;
  readonly ignoresUnitAttention: boolean;
  /** DPO and FUA, as far as the command takes them, in this byte of its CDB. */
  readonly dpoFuaBits: number;
  readonly dpoFuaByte: number;
  readonly whenReserved: CommandDescription['whenReserved'];
  /** What other nexuses may do of it under a persistent reservation. */
  readonly access: ReservationAccess;
}

type Slot =
  | { readonly kind: 'command'; readonly entry: DispatchEntry }
  | { readonly kind: 'service actions'; readonly entries: ReadonlyMap<number, DispatchEntry> };

function entryOf(name: CommandName): DispatchEntry {
  const description = describeCommand(name);
  const { needs, medium, onlyFlushes, needsMedium, ignoresUnitAttention, whenReserved } = description;
  return {
    name,
    command: commands[name],
    needs,
    medium,
    changesUnit: medium !== 'read' && onlyFlushes !== true,
    needsMedium: medium !== 'none' || needsMedium === true,
    ignoresUnitAttention: ignoresUnitAttention === true,
    dpoFuaBits: dpoFuaBits(description),
    dpoFuaByte: dpoFuaByte(description),
    whenReserved,
    access: reservationAccess(name),
  };
}

const entries: ReadonlyMap<CommandName, DispatchEntry> = new Map(commandNames.map((name) => [name, entryOf(name)]));

/** The entry of one command of the table. */
export function entryNamed(name: CommandName): DispatchEntry {
  return entries.get(name) ?? entryOf(name);
}

const slots: readonly (Slot | undefined)[] = operationCodes.map((code) => {
  if (code === undefined) return undefined;
  if (code.kind === 'command') return { kind: code.kind, entry: entryNamed(code.name) };
  const actions = [...code.names].map(([serviceAction, name]) => [serviceAction, entryNamed(name)] as const);
  return { kind: code.kind, entries: new Map(actions) };
});

/** The command that a CDB asks for, by one or two look-ups. Its layout then fits the CDB. */
export function dispatch(asked: Pick<Task, 'operationCode' | 'cdb'>): DispatchEntry | undefined {
  const slot = slots[asked.operationCode];
  if (slot === undefined) return undefined;
  if (slot.kind === 'command') return slot.entry;
  return hasItsLength(asked.cdb) ? slot.entries.get(serviceActionOf(asked.cdb)) : undefined;
}

/** Whether DPO or FUA is set in a CDB of this command. */
export function asksForDpoFua({ dpoFuaByte, dpoFuaBits }: DispatchEntry, cdb: Uint8Array): boolean {
  return ((cdb[dpoFuaByte] ?? 0) & dpoFuaBits) !== 0;
}

/** A CDB of variable length must be as long as it says, which is what all of those that are known here are. */
function hasItsLength(cdb: Uint8Array): boolean {
  if (cdb[0] !== VARIABLE_LENGTH) return true;
  return cdb.length >= LONG_CDB_LENGTH && cdb[ADDITIONAL_CDB_LENGTH] === LONG_CDB_ADDITIONAL_LENGTH;
}

/**
 * Operation codes whose every unit that knows one service action knows that there are more: a wrong one is a field of the CDB, not an
 * unknown command (SPC-4 leaves the choice).
 */
const SERVICE_ACTION_IS_A_FIELD: ReadonlySet<number> = new Set([0x48, 0x5e, 0x5f, 0x83, 0x84]);

/** How a CDB fails that `dispatch` finds no command for. */
export function unknownCommand(cdb: Uint8Array): Outcome {
  if (!hasItsLength(cdb)) return invalidFieldInCdb(ADDITIONAL_CDB_LENGTH);
  return SERVICE_ACTION_IS_A_FIELD.has(cdb[0] ?? 0) ? invalidFieldInCdb(1) : INVALID_OPERATION_CODE;
}
