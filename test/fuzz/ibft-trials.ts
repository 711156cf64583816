/** The reader of boot firmware tables, given damaged tables and what its writer makes of any values. */

import { isDeepStrictEqual } from 'node:util';
import { parseIpv4, parseIpv6 } from '../../src/bytes/index.ts';
import { decodeIbft, encodeIbft, type IbftTable } from '../../src/ibft/index.ts';
import { oneDisk, twoDisks } from '../ibft/goldens.ts';
import type { Random } from '../support/random.ts';
import { damaged, near, randomBytes } from './random/bytes.ts';

/** Where a table has the byte that makes its sum zero. */
const CHECKSUM = 9;
const addresses = [parseIpv4('192.0.2.9'), parseIpv6('2001:db8::9'), parseIpv4('0.0.0.0'), undefined] as const;

export const ibftTrials: Readonly<Record<string, (random: Random) => void>> = {
  'boot firmware tables': (random) => {
    const table = damaged(random, Buffer.from(random.pick([oneDisk, twoDisks]).bytes));
    // What the checksum catches goes no deeper.
    if (table.length > CHECKSUM) {
      table[CHECKSUM] = ((table[CHECKSUM] ?? 0) - table.reduce((sum, byte) => sum + byte, 0)) & 0xff;
    }
    comesBack(decodeIbft(table));
  },
  'boot firmware tables of any values': (random) => {
    const { table } = random.pick([oneDisk, twoDisks]);
    comesBack({
      ...table,
      initiator: table.initiator && { ...table.initiator, isnsServer: random.pick(addresses) },
      nics: table.nics.map((nic) => ({
        ...nic,
        vlan: near(random, nic.vlan),
        prefix: near(random, nic.prefix),
        address: random.pick(addresses),
        gateway: random.pick(addresses),
        hostName: randomBytes(random, random.below(70)).toString('latin1'),
      })),
      targets: table.targets.map((target) => ({
        ...target,
        port: near(random, target.port),
        address: random.pick(addresses),
        lun: randomBytes(random, near(random, 8) & 0xff),
      })),
    });
  },
};

/** What can be written is read as it was. */
function comesBack(table: IbftTable): void {
  const again = decodeIbft(encodeIbft(table));
  if (!isDeepStrictEqual(decodeIbft(encodeIbft(again)), again)) throw new Error('a table does not come back as it was');
}
