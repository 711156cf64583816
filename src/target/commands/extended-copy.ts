/** EXTENDED COPY and RECEIVE COPY RESULTS: the copy manager as commands of one unit (SPC-4 §6.4, §6.18 to §6.20). */

import { Association, type Designator, ExtendedCopyCdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { Nexus } from '../nexus.ts';
import { takeParameterList } from '../parameter-list.ts';
import type { CopyUnit } from '../third-party-copy/segment.ts';
import { answerWith, type Command } from './command.ts';

function copyUnit(unit: LogicalUnit, nexus: Nexus): CopyUnit {
  return {
    device: unit.device,
    writeProtected: unit.writeProtected,
    admits: (access) => unit.admits(nexus, access === 'read' ? 'read16' : 'write16'),
  };
}

function isNamed(unit: LogicalUnit, { type, association, value }: Designator): boolean {
  if (association !== Association.logicalUnit) return false;
  return unit.identity.designators.some(
    (own) => own.association === association && own.type === type && Buffer.compare(own.value, value) === 0,
  );
}

const receiveCopyResults: Command = {
  execute: (unit, task) => answerWith(task, unit.copyManager.receiveCopyResults(task.nexus, task.cdb)),
};

export const extendedCopyCommands = {
  extendedCopy: {
    prepare: (_unit, task) => takeParameterList(task, ExtendedCopyCdb.view(task.cdb).parameterListLength),
    execute(unit, task) {
      const resolve = (designator: Designator): CopyUnit | undefined => {
        const found = unit.reachableUnits().find((other) => isNamed(other, designator));
        return found && copyUnit(found, task.nexus);
      };
      return unit.copyManager.extendedCopy(task.nexus, task.parameters(), copyUnit(unit, task.nexus), resolve, task);
    },
  },
  receiveCopyStatus: receiveCopyResults,
  receiveCopyOperatingParameters: receiveCopyResults,
} satisfies Record<string, Command>;
