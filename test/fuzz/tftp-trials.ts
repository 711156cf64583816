/** Both ends of TFTP, given damaged packets and packets that could be right. */

import { isDeepStrictEqual } from 'node:util';
import {
  type AcceptedTransfer,
  decodePacket,
  encodePacket,
  normalizeFileName,
  Opcode,
  ReadClient,
  type TftpPacket,
  TftpServer,
} from '../../src/tftp/index.ts';
import type { Random } from '../support/random.ts';
import { anyU32, damaged, near, randomBytes } from './random/bytes.ts';

const client = { address: '192.0.2.7', port: 2070 };
const server = { address: '192.0.2.1', port: 69 };
const file = randomFile();

function randomFile() {
  const bytes = Uint8Array.from({ length: 3000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
  return { size: bytes.length, read: (offset: number, length: number) => bytes.subarray(offset, offset + length) };
}

function randomOptions(random: Random): Map<string, string> {
  const options = new Map<string, string>();
  for (const name of ['blksize', 'tsize', 'timeout', 'windowsize', 'BLKSIZE', 'multicast', ''] as const) {
    if (!random.oneIn(3)) continue;
    const odd = random.pick(['', '-1', '0', '1e3', '0x10', ' 8', '65464', '65465', '9'.repeat(20)]);
    options.set(name, random.oneIn(3) ? odd : `${random.pick([near(random, 8), near(random, 512), 1, 3])}`);
  }
  return options;
}

function randomPacket(random: Random): TftpPacket {
  const block = near(random, random.below(8)) & 0xffff;
  switch (random.below(6)) {
    case 0:
      return {
        opcode: Opcode.readRequest,
        fileName: 'file',
        mode: random.pick(['octet', 'netascii', 'mail']),
        options: randomOptions(random),
      };
    case 1:
      return { opcode: Opcode.error, code: random.below(10), message: 'x'.repeat(random.below(20)) };
    case 2:
      return { opcode: Opcode.optionAck, options: randomOptions(random) };
    case 3:
      return { opcode: Opcode.data, block, data: randomBytes(random, random.pick([0, 8, 511, 512, 513])) };
    default:
      return { opcode: Opcode.ack, block };
  }
}

/** One time in three as it is. */
function sent(random: Random, packet: TftpPacket): Uint8Array {
  const bytes = encodePacket(packet);
  return random.oneIn(3) ? bytes : new Uint8Array(damaged(random, bytes));
}

function soon(deadline: number | undefined, now: number): void {
  if (deadline !== undefined && !(deadline >= now && deadline <= now + 256_000)) {
    throw new Error(`a deadline at ${deadline} when it is ${now}`);
  }
}

export const tftpTrials: Readonly<Record<string, (random: Random) => void | Promise<void>>> = {
  'TFTP packets': (random) => {
    const packet = decodePacket(sent(random, randomPacket(random)));
    const again = decodePacket(encodePacket(packet));
    if (!isDeepStrictEqual(again, packet)) throw new Error('a TFTP packet does not come back as it was');
  },
  'TFTP file names': (random) => {
    const parts = ['..', '.', '/', '\\', '%2e', '\0', 'file', 'C:', ' ', '\u2025', '~', '\x7f'] as const;
    const name = Array.from({ length: random.below(10) }, () => random.pick(parts)).join('');
    const path = normalizeFileName(name);
    if (path === undefined) return;
    const isPlain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
    if (!isPlain || /[\\\0]/.test(path) || path.startsWith('/')) throw new Error(`"${name}" became "${path}"`);
  },
  'a TFTP server': async (random) => {
    const tftp = new TftpServer({ open: (name) => (name === 'file' ? file : undefined), mostTransfers: 3 });
    const running: AcceptedTransfer[] = [];
    let now = 0;
    for (let step = 0; step < 20; step++) {
      const answer = await tftp.receive(sent(random, randomPacket(random)), client);
      if (answer.type === 'refused') decodePacket(answer.data);
      if (answer.type === 'transfer') {
        running.push(answer.accepted);
        checkPackets(answer.accepted.transfer.start(now));
      }
      const one = running[random.below(running.length + 1)];
      if (one === undefined) continue;
      checkPackets(one.transfer.receive(sent(random, randomPacket(random)), now));
      soon(one.transfer.deadline, now);
      if (random.oneIn(3)) now = one.transfer.deadline ?? now;
      checkPackets(one.transfer.poll(now));
      if (one.transfer.outcome !== undefined) tftp.finished(one);
      if (one.transfer.acknowledged > 2 * file.size)
        throw new Error(`${one.transfer.acknowledged} bytes are confirmed`);
    }
    if (tftp.transfers > 3) throw new Error(`${tftp.transfers} transfers`);
  },
  'a TFTP client': (random) => {
    const [blockSize, windowSize] = [random.pick([8, 512, 1428]), random.pick([1, 4, 8])];
    const reader = new ReadClient({ server, fileName: 'file', blockSize, windowSize, longest: 2000 });
    let now = 0;
    let length = 0;
    reader.start(now);
    for (let step = 0; step < 30; step++) {
      const from = { address: server.address, port: random.oneIn(8) ? anyU32(random) & 0xffff : 4000 };
      const actions = reader.receive(sent(random, randomPacket(random)), from, now);
      if (random.oneIn(4)) now = reader.deadline ?? now;
      for (const action of [...actions, ...reader.poll(now)]) {
        if (action.type === 'data') length += action.data.length;
        if (action.type === 'complete' && action.length !== length) throw new Error('another length than it gave');
      }
      if (length > 2000) throw new Error(`${length} bytes of at most 2000`);
      soon(reader.deadline, now);
    }
  },
};

/** What is sent can be read, and is no more than a quarter of a mebibyte at once. */
function checkPackets(packets: readonly Uint8Array[]): void {
  let length = 0;
  for (const packet of packets) {
    decodePacket(packet);
    length += packet.length;
  }
  if (length > 2 * (1 << 18)) throw new Error(`${length} bytes are sent at once`);
}
