/** Sessions side by side while the disk of one does not answer: no command waits behind another session's disk. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { FaultDevice } from '../../src/block/fault-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { TaskManagementFunction, TaskManagementResponseCode, TextRequest } from '../../src/iscsi/pdu.ts';
import { encodeText } from '../../src/iscsi/text.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { Asker } from './commands/asker.ts';
import { BLOCK, pattern } from './scsi-requests.ts';
import { type ServedTarget, serveTarget } from './served-target.ts';

const SIZE = 8 << 20;
const HOUR = 3_600_000;
/** The half that stalls; the other one, from block 2000h on, is at hand. */
const ILL = { offset: 0, length: SIZE / 2 };
const block = pattern(BLOCK);
const zeros = '00'.repeat(BLOCK);
const unmapParameters = (blockAddress: string): string =>
  `0016 0010 00000000 ${blockAddress.padStart(16, '0')} 00000001 00000000`;

interface Request {
  readonly name: string;
  readonly cdb: string;
  readonly data?: Uint8Array | string;
}

/** Commands of every kind for which the disk has work, at one block. */
function mediumRequests(blockAddress: string): readonly Request[] {
  const short = blockAddress.padStart(8, '0');
  const long = blockAddress.padStart(16, '0');
  return [
    { name: 'READ(10)', cdb: `28 00 ${short} 00 0001 00` },
    { name: 'READ(16)', cdb: `88 00 ${long} 00000001 00 00` },
    { name: 'WRITE(10)', cdb: `2a 00 ${short} 00 0001 00`, data: block },
    { name: 'WRITE(16) with FUA', cdb: `8a 08 ${long} 00000001 00 00`, data: block },
    { name: 'WRITE AND VERIFY(10)', cdb: `2e 00 ${short} 00 0001 00`, data: block },
    { name: 'VERIFY(10) with BYTCHK', cdb: `2f 02 ${short} 00 0001 00`, data: block },
    { name: 'COMPARE AND WRITE', cdb: `89 00 ${long} 000000 01 00 00`, data: Buffer.concat([block, block]) },
    { name: 'WRITE SAME(16)', cdb: `93 00 ${long} 00000001 00 00`, data: block },
    { name: 'WRITE SAME(10) with UNMAP', cdb: `41 08 ${short} 00 0001 00`, data: zeros },
    { name: 'UNMAP', cdb: '42 00 00000000 00 0018 00', data: unmapParameters(blockAddress) },
    { name: 'SYNCHRONIZE CACHE(10)', cdb: `35 00 ${short} 00 0001 00` },
  ];
}

const unitRequests: readonly Request[] = [
  { name: 'TEST UNIT READY', cdb: '00 00 00 00 00 00' },
  { name: 'REQUEST SENSE', cdb: '03 00 00 00 ff 00' },
  { name: 'INQUIRY', cdb: '12 00 00 00 ff 00' },
  { name: 'MODE SENSE(6)', cdb: '1a 08 3f 00 ff 00' },
  { name: 'START STOP UNIT', cdb: '1b 00 00 00 01 00' },
  { name: 'READ CAPACITY(10)', cdb: '25 00 00000000 00 0000 00' },
  { name: 'READ CAPACITY(16)', cdb: '9e 10 0000000000000000 000000ff 00 00' },
  { name: 'LOG SENSE', cdb: '4d 00 40 00 00 00 00 00ff 00' },
  { name: 'REPORT LUNS', cdb: 'a0 00 00 000000 000000ff 00 00' },
  { name: 'REPORT SUPPORTED OPERATION CODES', cdb: 'a3 0c 00 00 0000 000000ff 00 00' },
  { name: 'GET LBA STATUS', cdb: '9e 12 0000000000002000 000000ff 00 00' },
  { name: 'PRE-FETCH(10)', cdb: '34 00 00002000 00 0001 00' },
  { name: 'RESERVE(6)', cdb: '16 00 00 00 00 00' },
  { name: 'RELEASE(6)', cdb: '17 00 00 00 00 00' },
  {
    name: 'PERSISTENT RESERVE OUT, REGISTER',
    cdb: '5f 00 00 0000 00000018 00',
    data: `${'00'.repeat(15)}01 ${'00'.repeat(8)}`,
  },
  { name: 'PERSISTENT RESERVE IN, READ KEYS', cdb: '5e 00 00 000000 00 00ff 00' },
];

interface Stalled extends AsyncDisposable {
  /** How many commands of the session have been answered. */
  readonly answered: () => number;
}

/** A disk of which the first half stalls, and the next flush. */
class StallingDisk extends FaultDevice {
  readonly #time: SimulatedClock;
  readonly #faults: (() => void)[];

  constructor(time = new SimulatedClock()) {
    super(new MemoryDevice(SIZE), time);
    this.#time = time;
    const operations = ['read', 'write', 'unmap', 'writeZeroes'] as const;
    this.#faults = [
      this.inject({ range: ILL, operations, delay: HOUR }),
      this.inject({ operations: ['flush'], times: 1, delay: HOUR }),
    ];
  }

  async recover(): Promise<void> {
    for (const takeAway of this.#faults) takeAway();
    await this.#time.pass(HOUR);
  }
}

/** Lets commands of every kind stall at unit 0. When the test is over the disk recovers: a target that closes waits for it. */
async function stall(served: ServedTarget, disk: StallingDisk): Promise<Stalled> {
  const stalled = await Asker.login(served, 1);
  let answered = 0;
  const take = async (): Promise<void> => {
    while ((await stalled.raw.next()) !== undefined) answered += 1;
  };
  for (const { cdb, data } of mediumRequests('0')) {
    if (data === undefined) stalled.raw.command(bytes(cdb), { length: BLOCK });
    else stalled.send(cdb, data);
  }
  // And more than is begun at a time.
  const mebibyte = bytes('28 00 00000000 00 0800 00');
  for (let count = 0; count < 40; count++) stalled.raw.command(mebibyte, { length: 1 << 20 });
  await settled();
  void take();
  return { answered: () => answered, [Symbol.asyncDispose]: () => disk.recover() };
}

const bytes = (cdb: string): Uint8Array => Buffer.from(cdb.replaceAll(' ', '').padEnd(32, '0'), 'hex');

for (const [name, lun] of [
  ['at the unit that they share', 0],
  ['at another unit of the target', 1],
] as const) {
  test(`while all commands of a session stall, all of another one are answered, ${name}`, async () => {
    const disk = new StallingDisk();
    const units = new Map<number, Device>([
      [0, disk],
      [1, new MemoryDevice(SIZE)],
    ]);
    await using served = await serveTarget({ units });
    await using stalled = await stall(served, disk);
    const other = await Asker.login(served, 2);
    for (const { name, cdb, data } of [...mediumRequests('2000'), ...unitRequests]) {
      const { says } = data === undefined ? await other.ask(cdb, 4 * BLOCK, lun) : await other.give(cdb, data, lun);
      assert.equal(says, 'good', name);
    }
    assert.equal(stalled.answered(), 0, 'the first session still waits for everything');
  });
}

test('while all commands of a session stall, others are managed, pinged, asked, logged in and out', async () => {
  const disk = new StallingDisk();
  await using served = await serveTarget({ device: disk });
  await using stalled = await stall(served, disk);
  const before = await Asker.login(served, 2);
  const { raw } = await Asker.login(served, 2);
  await before.raw.closed;
  raw.command(bytes('28 00 00000000 00 0001 00'), { length: BLOCK });
  await settled();
  raw.manage(TaskManagementFunction.abortTaskSet);
  assert.equal((await raw.managed()).response, TaskManagementResponseCode.functionComplete);
  raw.ping();
  await raw.expect(Opcode.nopIn);
  const { cmdSN, expStatSN } = raw;
  const tags = { initiatorTaskTag: raw.newTag(), targetTransferTag: RESERVED_TAG };
  const text = { opcode: Opcode.textRequest, immediate: true, final: true, ...tags, cmdSN, expStatSN };
  raw.send(TextRequest.encode(text), [encodeText([{ key: 'SendTargets', value: '' }])]);
  await raw.expect(Opcode.textResponse);
  raw.logout();
  await raw.expect(Opcode.logoutResponse);
  await raw.closed;
  assert.equal(stalled.answered(), 0);
  assert.equal(served.target.sessions.size, 1);
});
