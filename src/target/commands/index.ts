/** Every command of the table with what runs it. The type makes sure that none is forgotten. */

import {
  CdbHeader,
  type CommandDescription,
  type CommandName,
  describeCommand,
  operationCodes,
} from '../../scsi/index.ts';
import { cacheCommands } from './cache.ts';
import { capacityCommands } from './capacity.ts';
import type { Command } from './command.ts';
import { defectCommands } from './defects.ts';
import { inquiryCommands } from './inquiry.ts';
import { lbaStatusCommands } from './lba-status.ts';
import { modeCommands } from './mode.ts';
import { provisioningCommands } from './provisioning.ts';
import { reportCommands } from './report.ts';
import { transferCommands } from './transfer.ts';
import { unitStateCommands } from './unit-state.ts';
import { verifyCommands } from './verify.ts';

const commands: Record<CommandName, Command> = {
  ...cacheCommands,
  ...capacityCommands,
  ...defectCommands,
  ...inquiryCommands,
  ...lbaStatusCommands,
  ...modeCommands,
  ...provisioningCommands,
  ...reportCommands,
  ...transferCommands,
  ...unitStateCommands,
  ...verifyCommands,
};

export interface DispatchEntry {
  readonly name: CommandName;
  readonly description: CommandDescription;
  readonly command: Command;
}

type Slot =
  | { readonly kind: 'command'; readonly entry: DispatchEntry }
  | { readonly kind: 'service actions'; readonly entries: ReadonlyMap<number, DispatchEntry> };

function entryOf(name: CommandName): DispatchEntry {
  return { name, description: describeCommand(name), command: commands[name] };
}

const slots: readonly (Slot | undefined)[] = operationCodes.map((code) => {
  if (code === undefined) return undefined;
  if (code.kind === 'command') return { kind: code.kind, entry: entryOf(code.name) };
  const entries = [...code.names].map(([serviceAction, name]) => [serviceAction, entryOf(name)] as const);
  return { kind: code.kind, entries: new Map(entries) };
});

/** The command that a CDB asks for, by one or two look-ups. */
export function dispatch(cdb: Uint8Array): DispatchEntry | undefined {
  const slot = slots[cdb[0] ?? 0];
  if (slot === undefined) return undefined;
  return slot.kind === 'command' ? slot.entry : slot.entries.get(CdbHeader.view(cdb).serviceAction);
}
