/**
 * The commands that a logical unit of this project knows, each declared once (`command-table/`). Dispatch, the write-protect and
 * reservation checks and REPORT SUPPORTED OPERATION CODES all follow from this table.
 */

import { readU16 } from '../bytes/index.ts';
import { blockCommands } from './command-table/block-commands.ts';
import { type CommandDescription, VARIABLE_LENGTH } from './command-table/command-description.ts';
import { longBlockCommands } from './command-table/long-block-commands.ts';
import { primaryCommands } from './command-table/primary-commands.ts';
import { reservationCommands } from './command-table/reservation-commands.ts';
import { thirdPartyCopyCommands } from './command-table/third-party-copy-commands.ts';

export {
  type CommandDescription,
  dpoFuaBits,
  dpoFuaByte,
  usageData,
  VARIABLE_LENGTH,
} from './command-table/command-description.ts';

export const commandTable = {
  ...primaryCommands,
  ...reservationCommands,
  ...thirdPartyCopyCommands,
  ...blockCommands,
  ...longBlockCommands,
};

export type CommandName = keyof typeof commandTable;

/** The same entry, typed as any description: for readers that do not care which command it is. */
export function describeCommand(name: CommandName): CommandDescription {
  return commandTable[name];
}

/** All commands in the order of their operation codes and service actions. */
export const commandNames: readonly CommandName[] = (Object.keys(commandTable) as CommandName[]).toSorted(
  (left, right) => place(describeCommand(left)) - place(describeCommand(right)),
);

function place({ operationCode, serviceAction = 0 }: CommandDescription): number {
  return operationCode * 0x1_0000 + serviceAction;
}

/** One operation code: its command, or its commands by service action. */
export type OperationCodeEntry =
  | { readonly kind: 'command'; readonly name: CommandName }
  | { readonly kind: 'service actions'; readonly names: ReadonlyMap<number, CommandName> };

/** What every operation code of 0 to 255 stands for; undefined where it stands for nothing. */
export const operationCodes: readonly (OperationCodeEntry | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const names = commandNames.filter((name) => commandTable[name].operationCode === code);
  const [first] = names;
  if (first === undefined) return undefined;
  if (describeCommand(first).serviceAction === undefined) return { kind: 'command', name: first };
  return {
    kind: 'service actions',
    names: new Map(names.map((name) => [describeCommand(name).serviceAction ?? 0, name])),
  };
});

/** The command that a CDB asks for; undefined when there is none of that operation code and service action. */
export function findCommand(operationCode: number, serviceAction: number): CommandName | undefined {
  const entry = operationCodes[operationCode];
  if (entry === undefined) return undefined;
  return entry.kind === 'command' ? entry.name : entry.names.get(serviceAction);
}

/** Byte of a variable length CDB that counts those behind the eighth. */
export const ADDITIONAL_CDB_LENGTH = 7;

/** Two bytes of a variable length CDB. */
const VARIABLE_LENGTH_SERVICE_ACTION = 8;

/** What the CDB has where service actions stand: 16 bits in a variable length CDB, five in the others. */
export function serviceActionOf(cdb: Uint8Array): number {
  if (cdb[0] !== VARIABLE_LENGTH) return (cdb[1] ?? 0) & 0x1f;
  return cdb.length < VARIABLE_LENGTH_SERVICE_ACTION + 2 ? 0 : readU16(cdb, VARIABLE_LENGTH_SERVICE_ACTION);
}
