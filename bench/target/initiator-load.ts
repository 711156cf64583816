/**
 * What libiscsi's and QEMU's programs cannot do: random writes, several sessions that write, data digests, by our own initiator.
 *
 *     node initiator-load.ts HOST PORT TARGET LUN '{"operation":"write","size":4096,...}'
 */

import type { Device } from '../../src/block/device.ts';
import type { Wishes } from '../../src/iscsi/parameters.ts';
import { logIn, openDevice, whereFromArguments } from './bench-session.ts';
import type { InitiatorLoad } from './loads.ts';

const where = whereFromArguments();
const load: InitiatorLoad & { readonly seconds: number } = JSON.parse(where.rest[0] ?? '{}');
const digests: Partial<Wishes> = load.digests ? { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] } : {};
const sessions = await Promise.all(Array.from({ length: load.sessions }, () => logIn(where, digests)));
const devices = await Promise.all(sessions.map((session) => openDevice(session, where)));
const data = [crypto.getRandomValues(new Uint8Array(Math.min(load.size, 65_536)))];
while (data.length * 65_536 < load.size) data.push(...data.slice(0, 1));
const started = performance.now();
const end = started + load.seconds * 1000;
let commands = 0;
let next = 0;

async function goOn(device: Device): Promise<void> {
  const places = Math.floor(device.size / load.size);
  while (performance.now() < end) {
    const place = load.random ? Math.floor(Math.random() * places) : next++ % places;
    if (load.operation === 'read') await device.read(place * load.size, load.size);
    else await device.write(place * load.size, data);
    commands += 1;
  }
}

await Promise.all(devices.flatMap((device) => Array.from({ length: load.depth }, () => goOn(device))));
console.log(`${(commands / (performance.now() - started)) * 1000} commands/s`);
await Promise.all(sessions.map((session) => session.close()));
