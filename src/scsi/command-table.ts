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
  /** Only answered while there is a medium; what reads or writes it needs one in any case. */
  readonly needsMedium?: true;
  /** Whether another nexus' RESERVE(6) keeps it out, or even the reserving nexus' own (SPC-2 §5.5.1). */
  readonly whenReserved: 'allowed' | 'conflict' | 'conflict for everybody';
  /** Commands that answer even while a unit attention is pending (SAM-5 §5.14). */
  readonly ignoresUnitAttention?: true;
  /** Only known where the device can give blocks back, or where labels can be kept. */
  readonly needs?: 'unmap' | 'information store';
}

export const commandTable = {
  testUnitReady: {
    title: 'TEST UNIT READY',
    operationCode: 0x00,
    usage: '00 00 00 00 00 00',
    medium: 'none',
    needsMedium: true,
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
  formatUnit: {
    title: 'FORMAT UNIT',
    operationCode: 0x04,
    usage: '04 30 00 00 00 00',
    medium: 'write',
    whenReserved: 'conflict',
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
  sendDiagnostic: {
    title: 'SEND DIAGNOSTIC',
    operationCode: 0x1d,
    usage: '1d 04 00 00 00 00',
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
    needsMedium: true,
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
    needsMedium: true,
    whenReserved: 'conflict',
  },
  readDefectData10: {
    title: 'READ DEFECT DATA(10)',
    operationCode: 0x37,
    usage: '37 00 1f 00 00 00 00 ff ff 00',
    medium: 'none',
    needsMedium: true,
    whenReserved: 'conflict',
  },
  writeBuffer: {
    title: 'WRITE BUFFER',
    operationCode: 0x3b,
    usage: '3b 1f ff ff ff ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  readBuffer10: {
    title: 'READ BUFFER(10)',
    operationCode: 0x3c,
    usage: '3c 1f ff ff ff ff ff ff ff 00',
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
  sanitizeOverwrite: {
    title: 'SANITIZE OVERWRITE',
    operationCode: 0x48,
    serviceAction: 0x01,
    usage: '48 bf 00 00 00 00 00 ff ff 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  sanitizeBlockErase: {
    title: 'SANITIZE BLOCK ERASE',
    operationCode: 0x48,
    serviceAction: 0x02,
    usage: '48 bf 00 00 00 00 00 00 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  sanitizeCryptographicErase: {
    title: 'SANITIZE CRYPTOGRAPHIC ERASE',
    operationCode: 0x48,
    serviceAction: 0x03,
    usage: '48 bf 00 00 00 00 00 00 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  sanitizeExitFailureMode: {
    title: 'SANITIZE EXIT FAILURE MODE',
    operationCode: 0x48,
    serviceAction: 0x1f,
    usage: '48 1f 00 00 00 00 00 00 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  logSelect: {
    title: 'LOG SELECT',
    operationCode: 0x4c,
    usage: '4c 02 c0 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  logSense: {
    title: 'LOG SENSE',
    operationCode: 0x4d,
    usage: '4d 00 ff ff 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'allowed',
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
  persistentReserveInReadKeys: {
    title: 'PERSISTENT RESERVE IN READ KEYS',
    operationCode: 0x5e,
    serviceAction: 0x00,
    usage: '5e 1f 00 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveInReadReservation: {
    title: 'PERSISTENT RESERVE IN READ RESERVATION',
    operationCode: 0x5e,
    serviceAction: 0x01,
    usage: '5e 1f 00 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveInReportCapabilities: {
    title: 'PERSISTENT RESERVE IN REPORT CAPABILITIES',
    operationCode: 0x5e,
    serviceAction: 0x02,
    usage: '5e 1f 00 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveInReadFullStatus: {
    title: 'PERSISTENT RESERVE IN READ FULL STATUS',
    operationCode: 0x5e,
    serviceAction: 0x03,
    usage: '5e 1f 00 00 00 00 00 ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutRegister: {
    title: 'PERSISTENT RESERVE OUT REGISTER',
    operationCode: 0x5f,
    serviceAction: 0x00,
    usage: '5f 1f 00 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutReserve: {
    title: 'PERSISTENT RESERVE OUT RESERVE',
    operationCode: 0x5f,
    serviceAction: 0x01,
    usage: '5f 1f ff 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutRelease: {
    title: 'PERSISTENT RESERVE OUT RELEASE',
    operationCode: 0x5f,
    serviceAction: 0x02,
    usage: '5f 1f ff 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutClear: {
    title: 'PERSISTENT RESERVE OUT CLEAR',
    operationCode: 0x5f,
    serviceAction: 0x03,
    usage: '5f 1f 00 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutPreempt: {
    title: 'PERSISTENT RESERVE OUT PREEMPT',
    operationCode: 0x5f,
    serviceAction: 0x04,
    usage: '5f 1f ff 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutPreemptAndAbort: {
    title: 'PERSISTENT RESERVE OUT PREEMPT AND ABORT',
    operationCode: 0x5f,
    serviceAction: 0x05,
    usage: '5f 1f ff 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutRegisterAndIgnoreExistingKey: {
    title: 'PERSISTENT RESERVE OUT REGISTER AND IGNORE EXISTING KEY',
    operationCode: 0x5f,
    serviceAction: 0x06,
    usage: '5f 1f 00 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  persistentReserveOutRegisterAndMove: {
    title: 'PERSISTENT RESERVE OUT REGISTER AND MOVE',
    operationCode: 0x5f,
    serviceAction: 0x07,
    usage: '5f 1f 00 00 00 ff ff ff ff 00',
    medium: 'none',
    whenReserved: 'conflict for everybody',
  },
  extendedCopy: {
    title: 'EXTENDED COPY(LID1)',
    operationCode: 0x83,
    serviceAction: 0x00,
    usage: '83 1f 00 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  receiveCopyStatus: {
    title: 'RECEIVE COPY STATUS(LID1)',
    operationCode: 0x84,
    serviceAction: 0x00,
    usage: '84 1f ff 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  receiveCopyOperatingParameters: {
    title: 'RECEIVE COPY OPERATING PARAMETERS',
    operationCode: 0x84,
    serviceAction: 0x03,
    usage: '84 1f 00 00 00 00 00 00 00 00 ff ff ff ff 00 00',
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
  compareAndWrite: {
    title: 'COMPARE AND WRITE',
    operationCode: 0x89,
    usage: '89 f8 ff ff ff ff ff ff ff ff 00 00 00 ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  write16: {
    title: 'WRITE(16)',
    operationCode: 0x8a,
    usage: '8a f8 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  orWrite16: {
    title: 'ORWRITE(16)',
    operationCode: 0x8b,
    usage: '8b f8 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
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
    needsMedium: true,
    whenReserved: 'conflict',
  },
  writeSame16: {
    title: 'WRITE SAME(16)',
    operationCode: 0x93,
    usage: '93 f9 ff ff ff ff ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  writeAtomic16: {
    title: 'WRITE ATOMIC(16)',
    operationCode: 0x9c,
    usage: '9c f8 ff ff ff ff ff ff ff ff 00 00 ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  readCapacity16: {
    title: 'READ CAPACITY(16)',
    operationCode: 0x9e,
    serviceAction: 0x10,
    usage: '9e 1f 00 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    needsMedium: true,
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
  reportIdentifyingInformation: {
    title: 'REPORT IDENTIFYING INFORMATION',
    operationCode: 0xa3,
    serviceAction: 0x05,
    usage: 'a3 1f 00 00 00 00 ff ff ff ff fe 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  reportTargetPortGroups: {
    title: 'REPORT TARGET PORT GROUPS',
    operationCode: 0xa3,
    serviceAction: 0x0a,
    usage: 'a3 ff 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'allowed',
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
  reportTimestamp: {
    title: 'REPORT TIMESTAMP',
    operationCode: 0xa3,
    serviceAction: 0x0f,
    usage: 'a3 1f 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'allowed',
  },
  setIdentifyingInformation: {
    title: 'SET IDENTIFYING INFORMATION',
    operationCode: 0xa4,
    serviceAction: 0x06,
    usage: 'a4 1f 00 00 00 00 ff ff ff ff fe 00',
    medium: 'none',
    whenReserved: 'conflict',
    needs: 'information store',
  },
  setTargetPortGroups: {
    title: 'SET TARGET PORT GROUPS',
    operationCode: 0xa4,
    serviceAction: 0x0a,
    usage: 'a4 1f 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  setTimestamp: {
    title: 'SET TIMESTAMP',
    operationCode: 0xa4,
    serviceAction: 0x0f,
    usage: 'a4 1f 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
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
    needsMedium: true,
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
