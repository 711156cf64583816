/**
 * Which commands end with RESERVATION CONFLICT, as the standards' tables have it: for RESERVE(6) those of SPC-2 and SBC, for
 * persistent reservations those of SPC-4 and SBC-3, with what ALLOW COMMANDS 011b lets through.
 */

import type { Command } from '../command.ts';

/** Under another port's RESERVE(6). `everybody`: even under one's own. */
type UnderReserve = 'allowed' | 'conflict' | 'everybody';

/**
 * For ports without the access of a holder. `write exclusive`: allowed under those types only. What changes reservations decides
 * for itself.
 */
type UnderPersistent = 'allowed' | 'write exclusive' | 'conflict';

const rows: Readonly<
  Record<Exclude<Command['kind'], 'prevent allow'> | 'prevent' | 'allow', readonly [UnderReserve, UnderPersistent]>
> = {
  // SPC
  inquiry: ['allowed', 'allowed'],
  'report luns': ['allowed', 'allowed'],
  'request sense': ['allowed', 'allowed'],
  'test unit ready': ['conflict', 'allowed'],
  'log sense': ['allowed', 'allowed'],
  'reset log': ['conflict', 'conflict'],
  'mode sense': ['conflict', 'write exclusive'],
  'mode select': ['conflict', 'conflict'],
  'read buffer': ['conflict', 'write exclusive'],
  'report supported': ['allowed', 'write exclusive'],
  'report target port groups': ['allowed', 'allowed'],
  'send diagnostic': ['conflict', 'conflict'],
  prevent: ['conflict', 'conflict'],
  allow: ['allowed', 'allowed'],
  reserve: ['conflict', 'allowed'],
  release: ['allowed', 'allowed'],
  'reserve in': ['everybody', 'allowed'],
  'reserve out': ['everybody', 'allowed'],
  // SBC
  read: ['conflict', 'write exclusive'],
  verify: ['conflict', 'write exclusive'],
  'pre-fetch': ['conflict', 'write exclusive'],
  'get lba status': ['conflict', 'write exclusive'],
  'read defect data': ['conflict', 'write exclusive'],
  'read capacity': ['allowed', 'allowed'],
  start: ['conflict', 'allowed'],
  stop: ['conflict', 'conflict'],
  write: ['conflict', 'conflict'],
  'write and verify': ['conflict', 'conflict'],
  'write same': ['conflict', 'conflict'],
  'write atomic': ['conflict', 'conflict'],
  'compare and write': ['conflict', 'conflict'],
  orwrite: ['conflict', 'conflict'],
  unmap: ['conflict', 'conflict'],
  'synchronize cache': ['conflict', 'conflict'],
  // What does not exist cannot be kept from anybody.
  unknown: ['allowed', 'allowed'],
};

function rowOf(command: Command): readonly [UnderReserve, UnderPersistent] {
  if (command.kind !== 'prevent allow') return rows[command.kind];
  return rows[command.prevent === 0 ? 'allow' : 'prevent'];
}

/** `isOwn`: the asker is who has reserved the unit. */
export function conflictsWithReserve(command: Command, isOwn: boolean): boolean {
  const [underReserve] = rowOf(command);
  return underReserve === 'everybody' || (underReserve === 'conflict' && !isOwn);
}

/** For a port that has not the access of a holder. */
export function conflictsWithPersistent(command: Command, isWriteExclusive: boolean): boolean {
  const [, underPersistent] = rowOf(command);
  return underPersistent === 'conflict' || (underPersistent === 'write exclusive' && !isWriteExclusive);
}
