/**
 * Random reads with header and data digests:
 *
 *     node digest-reader.ts HOST PORT TARGET LUN SIZE DEPTH SECONDS
 */

import { logIn, openDevice, whereFromArguments } from './bench-session.ts';

const where = whereFromArguments();
const [size = 0, depth = 0, seconds = 0] = where.rest.map(Number);
const session = await logIn(where, { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] });
const device = await openDevice(session, where);
const places = Math.floor(device.size / size);
const started = performance.now();
const end = started + seconds * 1000;
let reads = 0;

async function readOn(): Promise<void> {
  while (performance.now() < end) {
    await device.read(Math.floor(Math.random() * places) * size, size);
    reads += 1;
  }
}

await Promise.all(Array.from({ length: depth }, readOn));
console.log(`${(reads / (performance.now() - started)) * 1000} reads/s`);
await session.close();
