/** Sense data (SPC-4): what a CHECK CONDITION says, in the fixed and in the descriptor format. */

import { bits, flag, layout, readU32, readU64, u8, u16, u32, writeU32, writeU64 } from '../bytes/index.ts';
import { additionalSenseText } from './additional-sense.ts';

export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  blankCheck: 0x8,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  volumeOverflow: 0xd,
  miscompare: 0xe,
} as const;

export interface Sense {
  readonly key: number;
  /** ASC in the high byte, ASCQ in the low one: a value of `AdditionalSense`. */
  readonly code: number;
  /** Meaning depends on the condition: an LBA, or the offset of the first byte that differs. */
  readonly information?: bigint;
  /** The byte of the CDB, or of the parameter list, that was wrong. */
  readonly field?: { readonly in: 'cdb' | 'parameters'; readonly byte: number };
  /** How far an operation is that keeps the unit from being ready: of 65536. */
  readonly progress?: number;
}

/** Response codes for errors of this command. 71h and 73h, deferred errors, are only read. */
const ResponseCode = { fixed: 0x70, descriptor: 0x72 } as const;

const FixedFormat = layout('fixed format sense data', 18, {
  valid: flag(0, 7),
  responseCode: bits(0, 0, 7),
  key: bits(2, 0, 4),
  information: u32(3),
  additionalLength: u8(7),
  code: u16(12),
  fieldValid: flag(15, 7),
  fieldInCdb: flag(15, 6),
  fieldPointer: u16(16),
});

const DescriptorFormat = layout('descriptor format sense data', 8, {
  responseCode: bits(0, 0, 7),
  key: bits(1, 0, 4),
  code: u16(2),
  additionalLength: u8(7),
});

const DescriptorType = { information: 0x00, senseKeySpecific: 0x02 } as const;

export type SenseFormat = 'fixed' | 'descriptor';

/** Bytes of the longest sense data: with all descriptors. */
export const MAXIMUM_SENSE_LENGTH = 28;

/** Sense data as it is sent: 18 bytes fixed, 8 to 28 bytes with descriptors. */
export function encodeSense(sense: Sense, format: SenseFormat): Uint8Array<ArrayBuffer> {
  return format === 'fixed' ? encodeFixed(sense) : encodeDescriptors(sense);
}

function encodeFixed(sense: Sense): Uint8Array<ArrayBuffer> {
  // INFORMATION has four bytes here; a larger value is left out, and VALID with it.
  const information = sense.information !== undefined && sense.information <= 0xffff_ffffn;
  return FixedFormat.encode({
    valid: information,
    responseCode: ResponseCode.fixed,
    key: sense.key,
    information: information ? Number(sense.information) : 0,
    additionalLength: FixedFormat.size - 8,
    code: sense.code,
    fieldValid: sense.field !== undefined || sense.progress !== undefined,
    fieldInCdb: sense.field?.in === 'cdb',
    // PROGRESS INDICATION stands where the field pointer does.
    fieldPointer: sense.field?.byte ?? sense.progress ?? 0,
  });
}

function encodeDescriptors(sense: Sense): Uint8Array<ArrayBuffer> {
  const descriptors: Uint8Array[] = [];
  if (sense.information !== undefined) {
    const descriptor = Uint8Array.of(DescriptorType.information, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    writeU64(descriptor, 4, sense.information);
    descriptors.push(descriptor);
  }
  if (sense.progress !== undefined) {
    const descriptor = Uint8Array.of(DescriptorType.senseKeySpecific, 0x06, 0, 0, 0, 0, 0, 0);
    writeU32(descriptor, 4, (0x8000_0000 | (sense.progress << 8)) >>> 0);
    descriptors.push(descriptor);
  } else if (sense.field !== undefined) {
    const descriptor = Uint8Array.of(DescriptorType.senseKeySpecific, 0x06, 0, 0, 0, 0, 0, 0);
    writeU32(descriptor, 4, (sense.field.in === 'cdb' ? 0xc000_0000 : 0x8000_0000) | (sense.field.byte << 8));
    descriptors.push(descriptor);
  }
  const length = descriptors.reduce((sum, descriptor) => sum + descriptor.length, 0);
  const result = new Uint8Array(DescriptorFormat.size + length);
  DescriptorFormat.write(result, 0, {
    responseCode: ResponseCode.descriptor,
    key: sense.key,
    code: sense.code,
    additionalLength: length,
  });
  let at = DescriptorFormat.size;
  for (const descriptor of descriptors) {
    result.set(descriptor, at);
    at += descriptor.length;
  }
  return result;
}

/** Reads sense data of either format; undefined when it is neither, or too short to hold the codes. */
export function decodeSense(data: Uint8Array): Sense | undefined {
  const responseCode = (data[0] ?? 0) & 0x7f;
  if (responseCode === 0x70 || responseCode === 0x71) return decodeFixed(data);
  if (responseCode === 0x72 || responseCode === 0x73) return decodeDescriptors(data);
  return undefined;
}

function decodeFixed(data: Uint8Array): Sense | undefined {
  if (data.length < 14) return undefined;
  const whole = new Uint8Array(FixedFormat.size);
  whole.set(data.subarray(0, FixedFormat.size));
  const view = FixedFormat.view(whole);
  return {
    key: view.key,
    code: view.code,
    ...(view.valid ? { information: BigInt(view.information) } : {}),
    ...(view.fieldValid ? keySpecific(view.key, view.fieldInCdb, view.fieldPointer) : {}),
  };
}

/** What the sense key specific bytes mean follows from the key. */
function keySpecific(key: number, inCdb: boolean, value: number): Pick<Sense, 'field' | 'progress'> {
  if (key === SenseKey.noSense || key === SenseKey.notReady) return { progress: value };
  return { field: { in: inCdb ? 'cdb' : 'parameters', byte: value } };
}

function decodeDescriptors(data: Uint8Array): Sense | undefined {
  if (data.length < DescriptorFormat.size) return undefined;
  const view = DescriptorFormat.view(data);
  let sense: Sense = { key: view.key, code: view.code };
  const end = Math.min(data.length, DescriptorFormat.size + view.additionalLength);
  for (let at = DescriptorFormat.size; at + 2 <= end; at += 2 + (data[at + 1] ?? 0)) {
    const type = data[at];
    const length = 2 + (data[at + 1] ?? 0);
    if (at + length > end) break;
    if (type === DescriptorType.information && length === 12) {
      sense = { ...sense, information: readU64(data, at + 4) };
    } else if (type === DescriptorType.senseKeySpecific && length === 8) {
      const specific = readU32(data, at + 4);
      if (specific >>> 31 === 0) continue;
      sense = { ...sense, ...keySpecific(view.key, ((specific >>> 30) & 1) === 1, (specific >>> 8) & 0xffff) };
    }
  }
  return sense;
}

const keyNames = new Map<number, string>(
  Object.entries(SenseKey).map(([name, key]) => [key, name.replaceAll(/[A-Z]/g, ' $&').toUpperCase()]),
);

/** One line for people: `ILLEGAL REQUEST: INVALID FIELD IN CDB (05/2400)`. */
export function senseText(sense: Sense): string {
  const key = keyNames.get(sense.key) ?? `sense key ${sense.key}`;
  const numbers = `${sense.key.toString(16).padStart(2, '0')}/${sense.code.toString(16).padStart(4, '0')}`;
  return `${key}: ${additionalSenseText(sense.code)} (${numbers.toUpperCase()})`;
}
