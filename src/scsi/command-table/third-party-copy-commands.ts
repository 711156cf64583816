/** What a copy manager is asked (SPC-4). */

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
} as const satisfies Record<string, CommandDescription>;
