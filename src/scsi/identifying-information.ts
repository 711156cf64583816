/** REPORT and SET IDENTIFYING INFORMATION (SPC-4): a label that initiators give a unit. */

import { bits, layout, u8, u16, u32 } from '../bytes/index.ts';

/** INFORMATION TYPE */
export const InformationType = { peripheralDevice: 0, text: 2, supported: 0x7f } as const;

/** Bytes that a unit keeps of each: what SPC-4 asks for at least, and allows at most. */
export const MaximumInformationLength = { peripheralDevice: 64, text: 256 } as const;

export const ReportIdentifyingInformationCdb = layout('REPORT IDENTIFYING INFORMATION', 12, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  allocationLength: u32(6),
  informationType: bits(10, 1, 7),
});

export const SetIdentifyingInformationCdb = layout('SET IDENTIFYING INFORMATION', 12, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  parameterListLength: u32(6),
  informationType: bits(10, 1, 7),
});

const Header = layout('IDENTIFYING INFORMATION parameter data', 4, { length: u16(2) });
const SupportedDescriptor = layout('identifying information descriptor', 4, {
  informationType: bits(0, 1, 7),
  maximumLength: u16(2),
});

export function encodeIdentifyingInformation(information: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(Header.size + information.length);
  Header.write(result, 0, { length: information.length });
  result.set(information, Header.size);
  return result;
}

/** INFORMATION TYPE 1111111b: the types that there are, and how long each may be. */
export function encodeSupportedInformation(): Uint8Array<ArrayBuffer> {
  const descriptors = [
    SupportedDescriptor.encode({
      informationType: InformationType.peripheralDevice,
      maximumLength: MaximumInformationLength.peripheralDevice,
    }),
    SupportedDescriptor.encode({
      informationType: InformationType.text,
      maximumLength: MaximumInformationLength.text,
    }),
  ];
  return encodeIdentifyingInformation(Uint8Array.from(descriptors.flatMap((descriptor) => [...descriptor])));
}

/** Whether a SET may leave this: text ends with its only NUL and is UTF-8. */
export function isValidInformation(type: number, information: Uint8Array): boolean {
  if (type === InformationType.peripheralDevice) return information.length <= MaximumInformationLength.peripheralDevice;
  if (type !== InformationType.text || information.length > MaximumInformationLength.text) return false;
  if (information.length === 0) return true;
  if (information.indexOf(0) !== information.length - 1) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(information);
    return true;
  } catch {
    return false;
  }
}
