/** What REPORT SUPPORTED OPERATION CODES answers (SPC-4). */

import { bits, flag, layout, u8, u16, u32, writeU32 } from '../bytes/index.ts';
import { type CommandDescription, usageData } from './command-table.ts';

/** `either`: one command, be it one of several of its operation code or not. */
export const ReportingOptions = { all: 0, operationCode: 1, serviceAction: 2, either: 3 } as const;

const CommandDescriptor = layout('command descriptor', 8, {
  operationCode: u8(0),
  serviceAction: u16(2),
  timeoutsDescriptorPresent: flag(5, 1),
  serviceActionValid: flag(5, 0),
  cdbLength: u16(6),
});

const OneCommand = layout('one_command parameter data', 4, {
  timeoutsDescriptorPresent: flag(1, 7),
  support: bits(1, 0, 3),
  cdbSize: u16(2),
});

/** SUPPORT: whether, and how. */
const Support = { notSupported: 1, standard: 3 } as const;

/** All times are 0: none is specified. */
const TimeoutsDescriptor = layout('command timeouts descriptor', 12, {
  descriptorLength: u16(0),
  nominalTimeout: u32(4),
  recommendedTimeout: u32(8),
});

const timeouts = TimeoutsDescriptor.encode({ descriptorLength: TimeoutsDescriptor.size - 2 });

/** The list of all commands. */
export function encodeAllCommands(commands: readonly CommandDescription[], withTimeouts: boolean): Uint8Array {
  const parts = commands.flatMap((command) => {
    const descriptor = CommandDescriptor.encode({
      operationCode: command.operationCode,
      serviceAction: command.serviceAction ?? 0,
      serviceActionValid: command.serviceAction !== undefined,
      timeoutsDescriptorPresent: withTimeouts,
      cdbLength: usageData(command).length,
    });
    return [...descriptor, ...(withTimeouts ? timeouts : [])];
  });
  const result = new Uint8Array(4 + parts.length);
  writeU32(result, 0, parts.length);
  result.set(parts, 4);
  return result;
}

/** One command, as its CDB usage data; undefined stands for one that is not supported. */
export function encodeOneCommand(usage: Uint8Array | undefined, withTimeouts: boolean): Uint8Array {
  if (usage === undefined) return OneCommand.encode({ support: Support.notSupported });
  const result = new Uint8Array(OneCommand.size + usage.length + (withTimeouts ? timeouts.length : 0));
  OneCommand.write(result, 0, {
    support: Support.standard,
    timeoutsDescriptorPresent: withTimeouts,
    cdbSize: usage.length,
  });
  result.set(usage, OneCommand.size);
  if (withTimeouts) result.set(timeouts, OneCommand.size + usage.length);
  return result;
}
