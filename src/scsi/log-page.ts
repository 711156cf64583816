/** LOG SENSE (SPC-4): what a unit has counted. Pages hold what is measured and nothing else. */

import { bits, flag, layout, u8, u16, u64 } from '../bytes/index.ts';

export const LogSenseCdb = layout('LOG SENSE', 10, {
  operationCode: u8(0),
  parameterPointerControl: flag(1, 1),
  saveParameters: flag(1, 0),
  pageControl: bits(2, 6, 2),
  pageCode: bits(2, 0, 6),
  subpageCode: u8(3),
  parameterPointer: u16(5),
  allocationLength: u16(7),
});

/** `parameterCodeReset`: all counters start anew (SPC-4, LOG SELECT). */
export const LogSelectCdb = layout('LOG SELECT', 10, {
  operationCode: u8(0),
  parameterCodeReset: flag(1, 1),
  saveParameters: flag(1, 0),
  pageControl: bits(2, 6, 2),
  pageCode: bits(2, 0, 6),
  subpageCode: u8(3),
  parameterListLength: u16(7),
});

export const LogPageCode = {
  supportedPages: 0x00,
  writeErrorCounters: 0x02,
  readErrorCounters: 0x03,
  verifyErrorCounters: 0x05,
  informationalExceptions: 0x2f,
} as const;

/** Subpage FFh of page 00h lists pages with their subpages. */
const EVERY_SUBPAGE = 0xff;

/** Counted since the unit was made. */
export interface OperationCounts {
  readonly bytes: bigint;
  /** Commands that the medium failed. */
  readonly uncorrectedErrors: bigint;
}

export interface UnitCounts {
  readonly read: OperationCounts;
  readonly write: OperationCounts;
  readonly verify: OperationCounts;
}

const PageHeader = layout('log page header', 4, {
  subpageFormat: flag(0, 6),
  pageCode: bits(0, 0, 6),
  subpageCode: u8(1),
  pageLength: u16(2),
});

const ParameterHeader = layout('log parameter header', 4, {
  parameterCode: u16(0),
  formatAndLinking: bits(2, 0, 2),
  parameterLength: u8(3),
});

/** FORMAT AND LINKING of a counter, and of a list in binary form. */
const Format = { boundedCounter: 0, binaryList: 3 } as const;

/** Parameter codes of the error counter log pages (SPC-4). */
const CounterCode = { totalBytesProcessed: 0x0005, totalUncorrectedErrors: 0x0006 } as const;

/** In ascending order: page 00h lists them as they stand here. */
const pages: ReadonlyMap<number, (counts: UnitCounts) => Uint8Array> = new Map([
  [LogPageCode.supportedPages, () => Uint8Array.from(pageCodes())],
  [LogPageCode.writeErrorCounters, (counts: UnitCounts) => errorCounters(counts.write)],
  [LogPageCode.readErrorCounters, (counts: UnitCounts) => errorCounters(counts.read)],
  [LogPageCode.verifyErrorCounters, (counts: UnitCounts) => errorCounters(counts.verify)],
  [LogPageCode.informationalExceptions, noException],
]);

function pageCodes(): number[] {
  return [...pages.keys()];
}

/**
 * A page's values from `parameterPointer` on, which the caller cuts to the allocation length; undefined when there is no such page
 * or no parameter from there on.
 */
export function encodeLogPage(
  pageCode: number,
  subpageCode: number,
  parameterPointer: number,
  counts: UnitCounts,
): Uint8Array<ArrayBuffer> | undefined {
  if (pageCode === LogPageCode.supportedPages && subpageCode === EVERY_SUBPAGE && parameterPointer === 0) {
    const codes = Uint8Array.from([...pages.keys()].flatMap((code) => [code, 0]));
    return page(pageCode, subpageCode, codes);
  }
  const content = subpageCode === 0 ? pages.get(pageCode)?.(counts) : undefined;
  if (content === undefined) return undefined;
  if (pageCode === LogPageCode.supportedPages) {
    return parameterPointer === 0 ? page(pageCode, subpageCode, content) : undefined;
  }
  const wanted = fromParameter(content, parameterPointer);
  return wanted === undefined ? undefined : page(pageCode, subpageCode, wanted);
}

function page(pageCode: number, subpageCode: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(PageHeader.size + content.length);
  PageHeader.write(result, 0, {
    subpageFormat: subpageCode !== 0,
    pageCode,
    subpageCode,
    pageLength: content.length,
  });
  result.set(content, PageHeader.size);
  return result;
}

/** Parameters of that code and above; they stand in ascending order. */
function fromParameter(content: Uint8Array, pointer: number): Uint8Array | undefined {
  for (let at = 0; at < content.length; ) {
    const { parameterCode, parameterLength } = ParameterHeader.view(content, at);
    if (parameterCode >= pointer) return content.subarray(at);
    at += ParameterHeader.size + parameterLength;
  }
  return undefined;
}

function errorCounters(counts: OperationCounts): Uint8Array {
  const size = ParameterHeader.size + 8;
  const result = new Uint8Array(2 * size);
  writeCounter(result, 0, CounterCode.totalBytesProcessed, counts.bytes);
  writeCounter(result, size, CounterCode.totalUncorrectedErrors, counts.uncorrectedErrors);
  return result;
}

function writeCounter(into: Uint8Array, at: number, parameterCode: number, value: bigint): void {
  ParameterHeader.write(into, at, { parameterCode, formatAndLinking: Format.boundedCounter, parameterLength: 8 });
  u64(ParameterHeader.size).write(into, at, value);
}

/** Parameter 0000h with additional sense code 0000h: no failure is foreseen. No temperature is known (SPC-4, Informational Exceptions log page). */
function noException(): Uint8Array {
  const TEMPERATURE_UNKNOWN = 0xff;
  const result = new Uint8Array(ParameterHeader.size + 4);
  ParameterHeader.write(result, 0, { parameterCode: 0, formatAndLinking: Format.binaryList, parameterLength: 4 });
  result[ParameterHeader.size + 2] = TEMPERATURE_UNKNOWN;
  return result;
}
