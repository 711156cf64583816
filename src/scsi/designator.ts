/** Designators: the names of a logical unit, its target and its ports (SPC-4, Device Identification VPD page). */

import { bits, flag, layout, u8, writeU16 } from '../bytes/index.ts';
import { paddedAscii } from './inquiry.ts';

const encoder = new TextEncoder();

/** CODE SET: how the designator is written. */
export const CodeSet = { binary: 1, ascii: 2, utf8: 3 } as const;

/** ASSOCIATION: what the designator names. */
export const Association = { logicalUnit: 0, targetPort: 1, targetDevice: 2 } as const;

/** DESIGNATOR TYPE */
export const DesignatorType = {
  vendorSpecific: 0,
  t10VendorId: 1,
  eui64: 2,
  naa: 3,
  relativeTargetPort: 4,
  targetPortGroup: 5,
  logicalUnitGroup: 6,
  scsiNameString: 8,
} as const;

/** IDENTIFIER of ISCSI for ports and devices. */
const PROTOCOL_ISCSI = 5;

const DesignatorHeader = layout('designator', 4, {
  protocolIdentifier: bits(0, 4, 4),
  codeSet: bits(0, 0, 4),
  protocolIdentifierValid: flag(1, 7),
  association: bits(1, 4, 2),
  type: bits(1, 0, 4),
  length: u8(3),
});

export interface Designator {
  readonly codeSet: number;
  readonly association: number;
  readonly type: number;
  readonly value: Uint8Array;
}

/** NAA 3h, locally assigned: eight bytes of which 60 bits are the owner's to choose. */
export function naaLocallyAssigned(sixtyBits: Uint8Array): Designator {
  const value = new Uint8Array(8);
  value.set(sixtyBits.subarray(0, 8));
  value[0] = 0x30 | ((value[0] ?? 0) & 0x0f);
  return { codeSet: CodeSet.binary, association: Association.logicalUnit, type: DesignatorType.naa, value };
}

/** T10 vendor identification followed by what that vendor calls the unit. */
export function t10VendorId(vendor: string, identifier: string): Designator {
  const value = new Uint8Array([...paddedAscii(vendor, 8), ...encoder.encode(identifier)]);
  return { codeSet: CodeSet.ascii, association: Association.logicalUnit, type: DesignatorType.t10VendorId, value };
}

export function relativeTargetPort(identifier: number): Designator {
  return {
    codeSet: CodeSet.binary,
    association: Association.targetPort,
    type: DesignatorType.relativeTargetPort,
    value: fourBytes(identifier),
  };
}

export function targetPortGroup(group: number): Designator {
  return {
    codeSet: CodeSet.binary,
    association: Association.targetPort,
    type: DesignatorType.targetPortGroup,
    value: fourBytes(group),
  };
}

function fourBytes(low: number): Uint8Array {
  const value = new Uint8Array(4);
  writeU16(value, 2, low);
  return value;
}

/** An iSCSI name, or a port's name `<iSCSI name>,t,0x0001`: NUL-terminated, a multiple of four bytes. */
export function scsiNameString(association: number, name: string): Designator {
  const text = encoder.encode(name);
  const value = new Uint8Array((text.length + 4) & ~3);
  value.set(text);
  return { codeSet: CodeSet.utf8, association, type: DesignatorType.scsiNameString, value };
}

export function encodeDesignator(designator: Designator): Uint8Array {
  const ofPort = designator.association !== Association.logicalUnit;
  const result = new Uint8Array(DesignatorHeader.size + designator.value.length);
  DesignatorHeader.write(result, 0, {
    protocolIdentifier: ofPort ? PROTOCOL_ISCSI : 0,
    codeSet: designator.codeSet,
    protocolIdentifierValid: ofPort,
    association: designator.association,
    type: designator.type,
    length: designator.value.length,
  });
  result.set(designator.value, DesignatorHeader.size);
  return result;
}

/** Reads a list of designators; a designator that the list cuts off is left out. */
export function decodeDesignators(data: Uint8Array): Designator[] {
  const result: Designator[] = [];
  for (let at = 0; at + DesignatorHeader.size <= data.length; ) {
    const header = DesignatorHeader.view(data, at);
    const end = at + DesignatorHeader.size + header.length;
    if (end > data.length) break;
    result.push({
      codeSet: header.codeSet,
      association: header.association,
      type: header.type,
      value: data.slice(at + DesignatorHeader.size, end),
    });
    at = end;
  }
  return result;
}
