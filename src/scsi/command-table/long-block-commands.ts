/**
 * The commands of a disk in CDBs of 32 bytes (SBC-3), which share the operation code of the variable length CDB. The tags that they
 * carry for protection information are not looked at: there is none here.
 */

import type { CommandDescription } from './command-description.ts';

export const longBlockCommands = {
  read32: {
    title: 'READ(32)',
    operationCode: 0x7f,
    serviceAction: 0x0009,
    usage: '7f 00 00 00 00 00 00 18 00 09 f8 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00 ff ff ff ff',
    takesDpoFua: true,
    medium: 'read',
    whenReserved: 'conflict',
  },
  verify32: {
    title: 'VERIFY(32)',
    operationCode: 0x7f,
    serviceAction: 0x000a,
    usage: '7f 00 00 00 00 00 00 18 00 0a f6 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00 ff ff ff ff',
    takesDpoFua: true,
    medium: 'read',
    whenReserved: 'conflict',
  },
  write32: {
    title: 'WRITE(32)',
    operationCode: 0x7f,
    serviceAction: 0x000b,
    usage: '7f 00 00 00 00 00 00 18 00 0b f8 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00 ff ff ff ff',
    takesDpoFua: true,
    medium: 'write',
    whenReserved: 'conflict',
  },
  writeAndVerify32: {
    title: 'WRITE AND VERIFY(32)',
    operationCode: 0x7f,
    serviceAction: 0x000c,
    usage: '7f 00 00 00 00 00 00 18 00 0c f6 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00 ff ff ff ff',
    takesDpoFua: true,
    medium: 'write',
    whenReserved: 'conflict',
  },
  writeSame32: {
    title: 'WRITE SAME(32)',
    operationCode: 0x7f,
    serviceAction: 0x000d,
    usage: '7f 00 00 00 00 00 00 18 00 0d f9 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00 ff ff ff ff',
    medium: 'write',
    whenReserved: 'conflict',
  },
  orWrite32: {
    title: 'ORWRITE(32)',
    operationCode: 0x7f,
    serviceAction: 0x000e,
    usage: '7f 00 07 00 00 00 00 18 00 0e f8 00 ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 00 ff ff ff ff',
    takesDpoFua: true,
    medium: 'write',
    whenReserved: 'conflict',
  },
} as const satisfies Record<string, CommandDescription>;
