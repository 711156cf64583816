/** `diskless iscsi secret`: makes a CHAP secret (RFC 7143 §9.2.1), by random alone. */

import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';

/** Bytes that are random: 128 bits, as much as every implementation takes. */
const RANDOM_LENGTH = 16;

export function registerSecret(iscsi: Command): void {
  iscsi
    .command('secret')
    .description('make a CHAP secret of 128 random bits, as text for a file of secrets on both sides')
    .action(() => {
      process.stdout.write(`${randomBytes(RANDOM_LENGTH).toString('hex')}\n`);
    });
}
