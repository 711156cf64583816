/** MODE SENSE and MODE SELECT, (6) and (10) (SPC-4). */

import type { Awaitable } from '../../block/device.ts';
import {
  AdditionalSense,
  applyModePages,
  encodeModePages,
  ModeHeader6,
  ModeHeader10,
  ModeSelect6Cdb,
  ModeSelect10Cdb,
  ModeSense6Cdb,
  ModeSense10Cdb,
  PageControl,
  SenseKey,
  ShortBlockDescriptor,
} from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import {
  checkCondition,
  GOOD,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  type Outcome,
  PARAMETER_LIST_LENGTH_ERROR,
} from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';

/** Mode data lengths count from behind their own field. */
function modeSense(
  unit: LogicalUnit,
  task: Task,
  layout: typeof ModeSense6Cdb | typeof ModeSense10Cdb,
  encodeHeader: (bodyLength: number, blockDescriptorLength: number) => Uint8Array,
): Outcome {
  const cdb = layout.view(task.cdb);
  if (cdb.pageControl === PageControl.saved) {
    return checkCondition(SenseKey.illegalRequest, AdditionalSense.savingParametersNotSupported);
  }
  const pages = encodeModePages(cdb.pageCode, cdb.subpageCode, cdb.pageControl, unit.modeState, unit);
  if (pages === undefined) return invalidFieldInCdb(2);
  const descriptor = cdb.disableBlockDescriptors ? new Uint8Array(0) : blockDescriptor(unit);
  const header = encodeHeader(descriptor.length + pages.length, descriptor.length);
  task.respond(Buffer.concat([header, descriptor, pages]), cdb.allocationLength);
  return GOOD;
}

function blockDescriptor(unit: LogicalUnit): Uint8Array {
  return ShortBlockDescriptor.encode({
    numberOfLogicalBlocks: Math.min(unit.blocks, 0xffff_ffff),
    logicalBlockLength: unit.blockSize,
  });
}

function deviceSpecific({ writeProtected, dpoFuaSupported }: LogicalUnit): {
  writeProtected: boolean;
  dpoFuaSupported: boolean;
} {
  return { writeProtected, dpoFuaSupported };
}

function prepareSelect(task: Task, layout: typeof ModeSelect6Cdb | typeof ModeSelect10Cdb): Outcome | undefined {
  const cdb = layout.view(task.cdb);
  // Pages in the standard's format, kept until the unit is next made: nothing can be saved.
  if (!cdb.pageFormat && cdb.parameterListLength > 0) return invalidFieldInCdb(1);
  if (cdb.savePages) return invalidFieldInCdb(1);
  task.dataOutLength = cdb.parameterListLength;
  return undefined;
}

function modeSelect(unit: LogicalUnit, task: Task, headerLength: number): Awaitable<Outcome> {
  const list = task.parameters();
  if (list.length === 0) return GOOD;
  if (list.length < headerLength) return PARAMETER_LIST_LENGTH_ERROR;
  const descriptorLength =
    headerLength === ModeHeader6.size
      ? ModeHeader6.view(list).blockDescriptorLength
      : ModeHeader10.view(list).blockDescriptorLength;
  if (descriptorLength !== 0) {
    if (descriptorLength !== ShortBlockDescriptor.size) return invalidFieldInParameterList(headerLength - 1);
    if (list.length < headerLength + descriptorLength) return PARAMETER_LIST_LENGTH_ERROR;
    const { logicalBlockLength } = ShortBlockDescriptor.view(list, headerLength);
    if (logicalBlockLength !== unit.blockSize) return invalidFieldInParameterList(headerLength + 5);
  }
  const start = headerLength + descriptorLength;
  const result = applyModePages(list.subarray(start), unit.modeState, unit);
  if ('truncated' in result) return PARAMETER_LIST_LENGTH_ERROR;
  if ('invalid' in result) return invalidFieldInParameterList(start + result.invalid);
  const done = unit.changeModeState(result.state, task.nexus);
  return done instanceof Promise ? done.then(() => GOOD) : GOOD;
}

export const modeCommands = {
  modeSense6: {
    execute: (unit, task) =>
      modeSense(unit, task, ModeSense6Cdb, (bodyLength, blockDescriptorLength) =>
        ModeHeader6.encode({
          ...deviceSpecific(unit),
          modeDataLength: ModeHeader6.size - 1 + bodyLength,
          blockDescriptorLength,
        }),
      ),
  },
  modeSense10: {
    execute: (unit, task) =>
      modeSense(unit, task, ModeSense10Cdb, (bodyLength, blockDescriptorLength) =>
        ModeHeader10.encode({
          ...deviceSpecific(unit),
          modeDataLength: ModeHeader10.size - 2 + bodyLength,
          blockDescriptorLength,
        }),
      ),
  },
  modeSelect6: {
    prepare: (_unit, task) => prepareSelect(task, ModeSelect6Cdb),
    execute: (unit, task) => modeSelect(unit, task, ModeHeader6.size),
  },
  modeSelect10: {
    prepare: (_unit, task) => prepareSelect(task, ModeSelect10Cdb),
    execute: (unit, task) => modeSelect(unit, task, ModeHeader10.size),
  },
} satisfies Record<string, Command>;
