/** Saves leases without end and prints the address of each that is confirmed; the test that starts it kills it. */
import { ipv4FromNumber } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';

const [path = ''] = process.argv.slice(2);
const store = new SqliteFleetStore(path);
for (let number = 0; ; number++) {
  const address = ipv4FromNumber(0x0a00_0000 + number);
  const clientKey = `id:${number}`;
  const times = { start: number, expires: number + 1 };
  await store.leases.save({
    address,
    clientKey,
    hardwareAddress: undefined,
    state: 'bound',
    hostName: undefined,
    ...times,
  });
  // Waits where the reader is slow, which writeSync does not: it raises EAGAIN then.
  process.stdout.write(`${address}\n`);
}
