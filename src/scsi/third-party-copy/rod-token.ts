/**
 * ROD tokens: 512 bytes that stand for data of a unit at a point in time, and that whoever has them can have written elsewhere (SPC-4;
 * SBC-3 for those of disks).
 */

import { bytes, layout, u16, u32, u64 } from '../../bytes/index.ts';
import { AdditionalSense } from '../additional-sense.ts';
import { ReadCapacity16Data } from '../capacity.ts';
import { type Designator, encodeDesignator } from '../designator.ts';
import { encodeIdentificationDescriptor } from './extended-copy.ts';

export const ROD_TOKEN_LENGTH = 512;

/**
 * ROD TYPE. A copy manager settles what the default point in time copy is: here, as with `changeVulnerable`, a token is no longer
 * valid when its data changes. `any` asks for one of them. `zero` stands for zeros and is nobody's to make.
 */
export const RodType = {
  pointInTimeDefault: 0x0080_0000,
  pointInTimeChangeVulnerable: 0x0080_0001,
  pointInTimeAny: 0x0080_ffff,
  zero: 0xffff_0001,
} as const;

/** ROD TOKEN LENGTH: the bytes behind that field. */
const LENGTH_FIELD = ROD_TOKEN_LENGTH - 8;

/** Bytes of the copy manager's own name of a token. */
export const ROD_TOKEN_IDENTIFIER_LENGTH = 8;

/** Bytes that nobody can guess. */
export const ROD_TOKEN_SECRET_LENGTH = 256;

export const RodToken = layout('ROD token', ROD_TOKEN_LENGTH, {
  rodType: u32(0),
  rodTokenLength: u16(6),
  copyManagerIdentifier: bytes(8, ROD_TOKEN_IDENTIFIER_LENGTH),
  creatorDescriptor: bytes(16, 32),
  /** The lower half of a field of 16 bytes. */
  numberOfBytesRepresented: u64(56),
  deviceTypeSpecificData: bytes(96, 32),
  targetDeviceDescriptor: bytes(128, 128),
  extendedRodTokenData: bytes(256, ROD_TOKEN_SECRET_LENGTH),
});

/** The unit whose data a token stands for. */
export interface RodTokenCreator {
  readonly logicalUnit: Designator;
  readonly targetDevice: Designator;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  /** Whether blocks can be given back, and read as zeros then. */
  readonly canUnmap: boolean;
}

export interface RodTokenContent {
  /** A value of RodType. */
  readonly rodType: number;
  /** ROD_TOKEN_IDENTIFIER_LENGTH bytes. */
  readonly identifier: Uint8Array;
  readonly creator: RodTokenCreator;
  readonly length: number;
  /** ROD_TOKEN_SECRET_LENGTH bytes. */
  readonly secret: Uint8Array;
}

export function encodeRodToken({
  rodType,
  identifier,
  creator,
  length,
  secret,
}: RodTokenContent): Uint8Array<ArrayBuffer> {
  return RodToken.encode({
    rodType,
    rodTokenLength: LENGTH_FIELD,
    copyManagerIdentifier: identifier,
    creatorDescriptor: encodeIdentificationDescriptor(creator.logicalUnit, creator.blockSize),
    numberOfBytesRepresented: BigInt(length),
    deviceTypeSpecificData: blockDeviceData(creator),
    targetDeviceDescriptor: fitting(encodeDesignator(creator.targetDevice), 128),
    extendedRodTokenData: secret,
  });
}

/** What READ CAPACITY(16) says behind the last block's address. */
function blockDeviceData({ blockSize, physicalBlockSize, canUnmap }: RodTokenCreator): Uint8Array {
  const capacity = ReadCapacity16Data.encode({
    blockLength: blockSize,
    logicalBlocksPerPhysicalBlockExponent: Math.log2(physicalBlockSize / blockSize),
    provisioningManagementEnabled: canUnmap,
    provisioningReadsZeros: canUnmap,
  });
  return capacity.subarray(8);
}

/** The descriptor, or nothing where it is too long: a part of a name would name something else. */
function fitting(descriptor: Uint8Array, length: number): Uint8Array {
  return descriptor.length <= length ? descriptor : new Uint8Array(0);
}

/** What a token is, or the additional sense code of what is wrong with it whoever made it. */
export function inspectRodToken(
  token: Uint8Array,
): { readonly rodType: number; readonly identifier: Uint8Array } | { readonly code: number } {
  const { rodType, rodTokenLength, copyManagerIdentifier } = RodToken.view(token);
  if (rodTokenLength !== LENGTH_FIELD) return { code: AdditionalSense.invalidTokenLength };
  const { pointInTimeDefault, pointInTimeChangeVulnerable, zero } = RodType;
  if (rodType !== pointInTimeDefault && rodType !== pointInTimeChangeVulnerable && rodType !== zero) {
    return { code: AdditionalSense.unsupportedTokenType };
  }
  return { rodType, identifier: copyManagerIdentifier };
}
