/** REPORT and SET TARGET PORT GROUPS (SPC-4): which ports reach a unit, and how well (ALUA). */

import { bits, flag, layout, u8, u16, u32 } from '../bytes/index.ts';

/** ASYMMETRIC ACCESS STATE */
export const AccessState = {
  activeOptimized: 0x0,
  activeNonOptimized: 0x1,
  standby: 0x2,
  unavailable: 0x3,
  offline: 0xe,
  transitioning: 0xf,
} as const;

/** STATUS CODE: why the state is what it is. */
export const AccessStatus = { noStatus: 0x00, bySetCommand: 0x01, implicit: 0x02 } as const;

export const ReportTargetPortGroupsCdb = layout('REPORT TARGET PORT GROUPS', 12, {
  operationCode: u8(0),
  parameterDataFormat: bits(1, 5, 3),
  serviceAction: bits(1, 0, 5),
  allocationLength: u32(6),
});

export const SetTargetPortGroupsCdb = layout('SET TARGET PORT GROUPS', 12, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  parameterListLength: u32(6),
});

/** PARAMETER DATA FORMAT */
export const PortGroupFormat = { lengthOnly: 0, extendedHeader: 1 } as const;

const ExtendedHeader = layout('extended header', 4, { format: bits(0, 4, 3), implicitTransitionTime: u8(1) });

const GroupDescriptor = layout('target port group descriptor', 8, {
  preferred: flag(0, 7),
  accessState: bits(0, 0, 4),
  transitioningSupported: flag(1, 7),
  offlineSupported: flag(1, 6),
  lbaDependentSupported: flag(1, 4),
  unavailableSupported: flag(1, 3),
  standbySupported: flag(1, 2),
  activeNonOptimizedSupported: flag(1, 1),
  activeOptimizedSupported: flag(1, 0),
  targetPortGroup: u16(2),
  statusCode: u8(5),
  targetPortCount: u8(7),
});

const PortDescriptor = layout('target port descriptor', 4, { relativeTargetPortIdentifier: u16(2) });

export interface TargetPortGroup {
  readonly targetPortGroup: number;
  /** A value of AccessState. */
  readonly accessState: number;
  /** A value of AccessStatus. */
  readonly statusCode: number;
  readonly preferred: boolean;
  /** At most 255. */
  readonly relativeTargetPorts: readonly number[];
}

/**
 * All groups, which the caller cuts to the allocation length: the counts inside stay what they are, however little is sent
 * (SPC-4). Undefined for a format that does not exist.
 */
export function encodeTargetPortGroups(
  groups: readonly TargetPortGroup[],
  format: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (format !== PortGroupFormat.lengthOnly && format !== PortGroupFormat.extendedHeader) return undefined;
  const headerLength = format === PortGroupFormat.extendedHeader ? 4 + ExtendedHeader.size : 4;
  const length = groups.reduce(
    (sum, group) => sum + GroupDescriptor.size + group.relativeTargetPorts.length * PortDescriptor.size,
    headerLength,
  );
  const result = new Uint8Array(length);
  u32(0).write(result, 0, length - 4);
  if (format === PortGroupFormat.extendedHeader) ExtendedHeader.write(result, 4, { format });
  let at = headerLength;
  for (const group of groups) {
    GroupDescriptor.write(result, at, {
      preferred: group.preferred,
      accessState: group.accessState,
      activeOptimizedSupported: true,
      targetPortGroup: group.targetPortGroup,
      statusCode: group.statusCode,
      targetPortCount: group.relativeTargetPorts.length,
    });
    at += GroupDescriptor.size;
    for (const relativeTargetPortIdentifier of group.relativeTargetPorts) {
      PortDescriptor.write(result, at, { relativeTargetPortIdentifier });
      at += PortDescriptor.size;
    }
  }
  return result;
}

const SetDescriptor = layout('set target port group descriptor', 4, {
  accessState: bits(0, 0, 4),
  targetPortGroup: u16(2),
});

/** The states that SET TARGET PORT GROUPS asks for; undefined when its list is cut off. */
export function decodeSetTargetPortGroups(
  list: Uint8Array,
): readonly { readonly targetPortGroup: number; readonly accessState: number }[] | undefined {
  if (list.length < 4 || list.length % SetDescriptor.size !== 0) return undefined;
  return Array.from({ length: list.length / SetDescriptor.size - 1 }, (_, index) => {
    const { targetPortGroup, accessState } = SetDescriptor.view(list, (index + 1) * SetDescriptor.size);
    return { targetPortGroup, accessState };
  });
}
