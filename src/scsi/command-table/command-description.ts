/** What is declared of each command. */

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

/** CDB usage data as bytes. */
export function usageData(description: CommandDescription): Uint8Array {
  return Uint8Array.from(description.usage.split(' '), (pair) => Number.parseInt(pair, 16));
}
