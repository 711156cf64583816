/** EXTENDED COPY, the commands of tokens, and those that ask about them: the copy manager as commands of one unit (SPC-4, SBC-3). */

import { Association, type Designator, ExtendedCopyCdb, TokenCdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { Nexus } from '../nexus.ts';
import type { Outcome } from '../outcome.ts';
import { takeParameterList } from '../parameter-list.ts';
import type { Task } from '../task.ts';
import type { CopyUnit } from '../third-party-copy/copy-unit.ts';
import type { TokenUnit } from '../third-party-copy/token-copy.ts';
import { answerWith, type Command } from './command.ts';

function copyUnit(unit: LogicalUnit, nexus: Nexus): CopyUnit {
  const { mediumNumber } = unit.changes;
  return {
    device: unit.device,
    changes: unit.changes,
    writeProtected: unit.writeProtected,
    admits: (access) => unit.admits(nexus, access === 'read' ? 'read16' : 'write16'),
    isSameMedium: () => unit.changes.mediumNumber === mediumNumber,
    exclusively: (range, work) => unit.exclusiveRanges.run(range, unit.taskSet.tasks(), work),
  };
}

function tokenUnit(unit: LogicalUnit, nexus: Nexus): TokenUnit {
  const { logicalUnit, targetDevice } = unit.identity;
  const { blockSize, physicalBlockSize } = unit.device;
  return {
    ...copyUnit(unit, nexus),
    source: unit.changes,
    creator: {
      logicalUnit,
      targetDevice,
      blockSize,
      physicalBlockSize,
      canUnmap: unit.canUnmap,
    },
  };
}

function takeTokenList(_unit: LogicalUnit, task: Task): Outcome | undefined {
  return takeParameterList(task, TokenCdb.view(task.cdb).parameterListLength);
}

function isNamed(unit: LogicalUnit, { type, association, value }: Designator): boolean {
  if (association !== Association.logicalUnit) return false;
  return unit.identity.designators.some(
    (own) => own.association === association && own.type === type && Buffer.compare(own.value, value) === 0,
  );
}

export const thirdPartyCopyCommands = {
  extendedCopy: {
    prepare: (_unit, task) => takeParameterList(task, ExtendedCopyCdb.view(task.cdb).parameterListLength),
    execute(unit, task) {
      const resolve = (designator: Designator): CopyUnit | undefined => {
        const found = unit.reachableUnits().find((other) => isNamed(other, designator));
        return found && copyUnit(found, task.nexus);
      };
      const own = copyUnit(unit, task.nexus);
      return unit.copyManager.extendedCopy(task.nexus, task.cdb, task.parameters(), own, resolve, task);
    },
  },
  populateToken: {
    prepare: takeTokenList,
    execute: (unit, task) =>
      unit.copyManager.populateToken(task.nexus, task.cdb, task.parameters(), tokenUnit(unit, task.nexus), task),
  },
  writeUsingToken: {
    prepare: takeTokenList,
    execute: (unit, task) =>
      unit.copyManager.writeUsingToken(task.nexus, task.cdb, task.parameters(), copyUnit(unit, task.nexus), task),
  },
  copyOperationAbort: {
    execute: (unit, task) => unit.copyManager.copyOperationAbort(task.nexus, task.cdb),
  },
  receiveCopyStatus: {
    execute: (unit, task) => answerWith(task, unit.copyManager.receiveCopyStatus(task.nexus, task.cdb)),
  },
  receiveCopyOperatingParameters: {
    execute: (unit, task) => answerWith(task, unit.copyManager.receiveCopyOperatingParameters(task.cdb)),
  },
  receiveCopyOperationStatus: {
    execute: (unit, task) =>
      answerWith(task, unit.copyManager.receiveCopyOperationStatus(task.nexus, task.cdb, unit.senseFormat)),
  },
  receiveRodTokenInformation: {
    execute: (unit, task) =>
      answerWith(task, unit.copyManager.receiveRodTokenInformation(task.nexus, task.cdb, unit.senseFormat)),
  },
} satisfies Record<string, Command>;
