/** What is declared of each command. */

/** Operation code of the CDBs that say how long they are. */
export const VARIABLE_LENGTH = 0x7f;

export interface CommandDescription {
  /** The standard's name, for traces. */
  readonly title: string;
  readonly operationCode: number;
  /** For operation codes that several commands share. */
  readonly serviceAction?: number;
  /**
   * CDB usage data (SPC-4, REPORT SUPPORTED OPERATION CODES): a set bit is one that the unit looks at. Its length is the CDB's. The
   * operation code, the service action and the ADDITIONAL CDB LENGTH stand as themselves.
   */
  readonly usage: string;
  /** Its CDB has DPO and FUA, or DPO alone, which not every unit supports (SBC-3, DPOFUA): `usage` has them as where they are. */
  readonly takesDpoFua?: true;
  /** What it does to the medium: decides whether write protection refuses it. */
  readonly medium: 'none' | 'read' | 'write';
  /** It only makes durable what was written before: however late it ends, nothing is altered by it. */
  readonly onlyFlushes?: true;
  /** Only answered while there is a medium; what reads or writes it needs one in any case. */
  readonly needsMedium?: true;
  /**
   * Whether another nexus' RESERVE(6) keeps it out, or even the reserving nexus' own (SPC-2). `by prevent`: PREVENT of the CDB decides
   * between `allowed` and `conflict`.
   */
  readonly whenReserved: 'allowed' | 'conflict' | 'conflict for everybody' | 'by prevent';
  /** Commands that answer even while a unit attention is pending (SAM-5). */
  readonly ignoresUnitAttention?: true;
  /** Only known where the device can give blocks back, or where labels can be kept. */
  readonly needs?: 'unmap' | 'information store';
}

/** DPO and FUA in their byte of a CDB. */
const DPO_FUA = 0x18;

/** Byte of a CDB that has DPO and FUA, if the command takes them. */
export function dpoFuaByte({ operationCode }: CommandDescription): number {
  return operationCode === VARIABLE_LENGTH ? 10 : 1;
}

/** Which of DPO and FUA a command takes, as bits of `dpoFuaByte`: those that verify have no FUA. */
export function dpoFuaBits(description: CommandDescription): number {
  if (description.takesDpoFua !== true) return 0;
  return DPO_FUA & (everyUsage(description)[dpoFuaByte(description)] ?? 0);
}

/** CDB usage data as bytes, for a unit with support of DPO and FUA or one without. */
export function usageData(description: CommandDescription, dpoFuaSupported = true): Uint8Array {
  const usage = everyUsage(description);
  const byte = dpoFuaByte(description);
  if (!dpoFuaSupported) usage.set([(usage[byte] ?? 0) & ~dpoFuaBits(description)], byte);
  return usage;
}

function everyUsage(description: CommandDescription): Uint8Array {
  return Uint8Array.from(description.usage.split(' '), (pair) => Number.parseInt(pair, 16));
}
