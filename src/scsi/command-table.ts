/**
 * The commands that a logical unit of this project knows, declared once. Dispatch, the write-protect and reservation checks and
 * REPORT SUPPORTED OPERATION CODES all follow from this table.
 */

export interface CommandDescription {
  /** The standard's name, for traces. */
  readonly title: string;
  readonly operationCode: number;
  /** For operation codes that several commands share (SPC-4 §4.2.5.1). */
  readonly serviceAction?: number;
  /**
   * CDB usage data (SPC-4 §6.35.3): a set bit is one that the unit looks at. Its length is the CDB's. Byte 0 is the operation
   * code itself.
   */
  readonly usage: string;
  /** What it does to the medium: decides whether write protection refuses it. */
  readonly medium: 'none' | 'read' | 'write';
  /** Whether another nexus' RESERVE(6) keeps it out (SPC-2 §5.5.1). */
  readonly whenReserved: 'allowed' | 'conflict';
  /** Commands that answer even while a unit attention is pending (SAM-5 §5.14). */
  readonly ignoresUnitAttention?: true;
  /** Only known where the device can give blocks back. */
  readonly needs?: 'unmap';
}

export const commandTable = {
  testUnitReady: {
    title: 'TEST UNIT READY',
    operationCode: 0x00,
    usage: '00 00 00 00 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  requestSense: {
    title: 'REQUEST SENSE',
    operationCode: 0x03,
    usage: '03 01 00 00 ff 00',
    medium: 'none',
    whenReserved: 'allowed',
    ignoresUnitAttention: true,
  },
  read6: {
    title: 'READ(6)',
    operationCode: 0x08,
    usage: '08 1f ff ff ff 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  write6: {
    title: 'WRITE(6)',
    operationCode: 0x0a,
    usage: '0a 1f ff ff ff 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  inquiry: {
    title: 'INQUIRY',
    operationCode: 0x12,
    usage: '12 01 ff ff ff 00',
    medium: 'none',
    whenReserved: 'allowed',
    ignoresUnitAttention: true,
  },
  modeSelect6: {
    title: 'MODE SELECT(6)',
    operationCode: 0x15,
    usage: '15 11 00 00 ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  reserve6: {
    title: 'RESERVE(6)',
    operationCode: 0x16,
    usage: '16 11 00 00 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  release6: {
    title: 'RELEASE(6)',
    operationCode: 0x17,
    usage: '17 11 00 00 00 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  modeSense6: {
    title: 'MODE SENSE(6)',
    operationCode: 0x1a,
    usage: '1a 08 ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  startStopUnit: {
    title: 'START STOP UNIT',
    operationCode: 0x1b,
    usage: '1b 01 00 00 f7 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  preventAllowMediumRemoval: {
    title: 'PREVENT ALLOW MEDIUM REMOVAL',
    operationCode: 0x1e,
    usage: '1e 00 00 00 03 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  readCapacity10: {
    title: 'READ CAPACITY(10)',
    operationCode: 0x25,
    usage: '25 00 00 00 00 00 00 00 00 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  read10: {
    title: 'READ(10)',
    operationCode: 0x28,
    usage: '28 f8 ff ff ff ff 00 ff ff 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  write10: {
    title: 'WRITE(10)',
    operationCode: 0x2a,
    usage: '2a f8 ff ff ff ff 00 ff ff 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  writeAndVerify10: {
    title: 'WRITE AND VERIFY(10)',
    operationCode: 0x2e,
    usage: '2e f6 ff ff ff ff 00 ff ff 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  verify10: {
    title: 'VERIFY(10)',
    operationCode: 0x2f,
    usage: '2f f6 ff ff ff ff 00 ff ff 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  preFetch10: {
    title: 'PRE-FETCH(10)',
    operationCode: 0x34,
    usage: '34 02 ff ff ff ff 00 ff ff 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  synchronizeCache10: {
    title: 'SYNCHRONIZE CACHE(10)',
    operationCode: 0x35,
    usage: '35 02 ff ff ff ff 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  readDefectData10: {
    title: 'READ DEFECT DATA(10)',
    operationCode: 0x37,
    usage: '37 00 1f 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  writeSame10: {
    title: 'WRITE SAME(10)',
    operationCode: 0x41,
    usage: '41 f8 ff ff ff ff 00 ff ff 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  unmap: {
    title: 'UNMAP',
    operationCode: 0x42,
    usage: '42 01 00 00 00 00 00 ff ff 00',
    medium: 'write',
    whenReserved: 'conflict',
    needs: 'unmap',
  },
  modeSelect10: {
    title: 'MODE SELECT(10)',
    operationCode: 0x55,
    usage: '55 11 00 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  modeSense10: {
    title: 'MODE SENSE(10)',
    operationCode: 0x5a,
    usage: '5a 18 ff ff 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  read16: {
    title: 'READ(16)',
    operationCode: 0x88,
    usage: '88 f8 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  write16: {
    title: 'WRITE(16)',
    operationCode: 0x8a,
    usage: '8a f8 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  writeAndVerify16: {
    title: 'WRITE AND VERIFY(16)',
    operationCode: 0x8e,
    usage: '8e f6 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  verify16: {
    title: 'VERIFY(16)',
    operationCode: 0x8f,
    usage: '8f f6 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  preFetch16: {
    title: 'PRE-FETCH(16)',
    operationCode: 0x90,
    usage: '90 02 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  synchronizeCache16: {
    title: 'SYNCHRONIZE CACHE(16)',
    operationCode: 0x91,
    usage: '91 02 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  writeSame16: {
    title: 'WRITE SAME(16)',
    operationCode: 0x93,
    usage: '93 f9 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  readCapacity16: {
    title: 'READ CAPACITY(16)',
    operationCode: 0x9e,
    serviceAction: 0x10,
    usage: '9e 1f 00 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  getLbaStatus: {
    title: 'GET LBA STATUS',
    operationCode: 0x9e,
    serviceAction: 0x12,
    usage: '9e 1f ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  reportLuns: {
    title: 'REPORT LUNS',
    operationCode: 0xa0,
    usage: 'a0 00 ff 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'allowed',
    ignoresUnitAttention: true,
  },
  reportSupportedOperationCodes: {
    title: 'REPORT SUPPORTED OPERATION CODES',
    operationCode: 0xa3,
    serviceAction: 0x0c,
    usage: 'a3 1f 87 ff ff ff ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  reportSupportedTaskManagementFunctions: {
    title: 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
    operationCode: 0xa3,
    serviceAction: 0x0d,
    usage: 'a3 1f 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  read12: {
    title: 'READ(12)',
    operationCode: 0xa8,
    usage: 'a8 f8 ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  write12: {
    title: 'WRITE(12)',
    operationCode: 0xaa,
    usage: 'aa f8 ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  writeAndVerify12: {
    title: 'WRITE AND VERIFY(12)',
    operationCode: 0xae,
    usage: 'ae f6 ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  verify12: {
    title: 'VERIFY(12)',
    operationCode: 0xaf,
    usage: 'af f6 ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  readDefectData12: {
    title: 'READ DEFECT DATA(12)',
    operationCode: 0xb7,
    usage: 'b7 1f 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
} as const satisfies Record<string, CommandDescription>;

export type CommandName = keyof typeof commandTable;

/** All commands in the order of their operation codes and service actions. */
export const commandNames = Object.keys(commandTable) as readonly CommandName[];

/** The same entry, typed as any description: for readers that do not care which command it is. */
export function describeCommand(name: CommandName): CommandDescription {
  return commandTable[name];
}

/** CDB usage data as bytes. */
export function usageData(description: CommandDescription): Uint8Array {
  return Uint8Array.from(description.usage.split(' '), (pair) => Number.parseInt(pair, 16));
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
