/** REPORT and SET IDENTIFYING INFORMATION (SPC-4). */

import {
  encodeIdentifyingInformation,
  encodeSupportedInformation,
  InformationType,
  isValidInformation,
  MaximumInformationLength,
  ReportIdentifyingInformationCdb,
  SetIdentifyingInformationCdb,
} from '../../scsi/index.ts';
import { GOOD, invalidFieldInCdb, invalidFieldInParameterList } from '../outcome.ts';
import type { Command } from './command.ts';

const INFORMATION_TYPE = 10;
const PARAMETER_LIST_LENGTH = 6;

export const identifyingInformationCommands = {
  reportIdentifyingInformation: {
    execute(unit, task) {
      const { informationType, allocationLength } = ReportIdentifyingInformationCdb.view(task.cdb);
      if (informationType === InformationType.supported) {
        task.respond(encodeSupportedInformation(), allocationLength);
        return GOOD;
      }
      const information = unit.information.get(informationType);
      if (information === undefined) return invalidFieldInCdb(INFORMATION_TYPE);
      task.respond(encodeIdentifyingInformation(information), allocationLength);
      return GOOD;
    },
  },
  setIdentifyingInformation: {
    prepare(unit, task) {
      const { informationType, parameterListLength } = SetIdentifyingInformationCdb.view(task.cdb);
      if (unit.information.get(informationType) === undefined) return invalidFieldInCdb(INFORMATION_TYPE);
      if (parameterListLength > MaximumInformationLength.text) return invalidFieldInCdb(PARAMETER_LIST_LENGTH);
      task.dataOutLength = parameterListLength;
      return undefined;
    },
    async execute(unit, task) {
      const { informationType } = SetIdentifyingInformationCdb.view(task.cdb);
      const information = task.parameters();
      if (!isValidInformation(informationType, information)) return invalidFieldInParameterList(0);
      await unit.information.set(informationType, information);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
