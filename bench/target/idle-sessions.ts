/**
 * Logs in many times and does nothing, until its standard input ends:
 *
 *     node idle-sessions.ts HOST PORT TARGET LUN COUNT
 */

import { once } from 'node:events';
import type { Session } from '../../src/initiator/session.ts';
import { logIn, whereFromArguments } from './bench-session.ts';

const AT_A_TIME = 50;

const where = whereFromArguments();
const count = Number(where.rest[0]);
const sessions: Session[] = [];
while (sessions.length < count) {
  const batch = Math.min(AT_A_TIME, count - sessions.length);
  sessions.push(...(await Promise.all(Array.from({ length: batch }, () => logIn(where)))));
}
console.log(`${sessions.length} sessions`);
process.stdin.resume();
await once(process.stdin, 'end');
process.exit(0);
