/** What a copy manager is asked (SPC-4; the commands of tokens are SBC-3's). */

import type { CommandDescription } from './command-description.ts';

export const thirdPartyCopyCommands = {
  extendedCopy: {
    title: 'EXTENDED COPY(LID1)',
    operationCode: 0x83,
    serviceAction: 0x00,
    usage: '83 00 00 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  populateToken: {
    title: 'POPULATE TOKEN',
    operationCode: 0x83,
    serviceAction: 0x10,
    usage: '83 10 00 00 00 00 ff ff ff ff ff ff ff ff 00 00',
    medium: 'read',
    whenReserved: 'conflict',
  },
  writeUsingToken: {
    title: 'WRITE USING TOKEN',
    operationCode: 0x83,
    serviceAction: 0x11,
    usage: '83 11 00 00 00 00 ff ff ff ff ff ff ff ff 00 00',
    medium: 'write',
    whenReserved: 'conflict',
  },
  copyOperationAbort: {
    title: 'COPY OPERATION ABORT',
    operationCode: 0x83,
    serviceAction: 0x1c,
    usage: '83 1c ff ff ff ff 00 00 00 00 00 00 00 00 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  receiveCopyStatus: {
    title: 'RECEIVE COPY STATUS(LID1)',
    operationCode: 0x84,
    serviceAction: 0x00,
    usage: '84 00 ff 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  receiveCopyOperatingParameters: {
    title: 'RECEIVE COPY OPERATING PARAMETERS',
    operationCode: 0x84,
    serviceAction: 0x03,
    usage: '84 03 00 00 00 00 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  receiveCopyOperationStatus: {
    title: 'RECEIVE COPY STATUS(LID4)',
    operationCode: 0x84,
    serviceAction: 0x05,
    usage: '84 05 ff ff ff ff 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
  receiveRodTokenInformation: {
    title: 'RECEIVE ROD TOKEN INFORMATION',
    operationCode: 0x84,
    serviceAction: 0x07,
    usage: '84 07 ff ff ff ff 00 00 00 00 ff ff ff ff 00 00',
    medium: 'none',
    whenReserved: 'conflict',
  },
} as const satisfies Record<string, CommandDescription>;
