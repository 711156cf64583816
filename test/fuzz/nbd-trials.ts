/** Both ends of NBD, given damaged and random bytes in pieces of any size. */

import { ByteQueue } from '../../src/bytes/index.ts';
import { clientHandshake } from '../../src/nbd/client-handshake.ts';
import { Dialogue } from '../../src/nbd/dialogue.ts';
import { encodeInfoRequest, encodeMetaContextRequest } from '../../src/nbd/option-data.ts';
import { OutstandingRequests } from '../../src/nbd/outstanding.ts';
import {
  ALLOCATION_CONTEXT,
  ChunkHeader,
  Command,
  GREETING_MAGIC,
  Greeting,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionHeader,
  OptionReplyHeader,
  OptionReplyType,
  REQUEST_MAGIC,
  RequestHeader,
  SIMPLE_REPLY_MAGIC,
  SimpleReplyHeader,
  STRUCTURED_REPLY_MAGIC,
} from '../../src/nbd/protocol.ts';
import { RequestReader } from '../../src/nbd/request.ts';
import { serverHandshake } from '../../src/nbd/server-handshake.ts';
import { parseNbdUri } from '../../src/nbd/uri.ts';
import type { Random } from '../support/random.ts';
import { anyU32, damaged, near, randomBytes } from './random/bytes.ts';

const nbdExport = {
  name: '',
  description: '',
  size: 1 << 20,
  transmissionFlags: 1,
  blockSize: { minimum: 512, preferred: 4096, maximum: 32 << 20 },
};

export const nbdTrials: Readonly<Record<string, (random: Random) => void>> = {
  'an NBD server, from a client': (random) => {
    const requests = Array.from({ length: random.below(3) }, () =>
      RequestHeader.encode({
        magic: REQUEST_MAGIC,
        command: random.below(9),
        flags: anyU32(random) & 0xffff,
        offset: near(random, 4096),
        length: near(random, 512),
      }),
    );
    const options = [Option.structuredReply, Option.setMetaContext, Option.info, Option.list, Option.go].map((option) =>
      nbdOption(random, option),
    );
    const bytes = damagedNow(random, Buffer.concat([Uint8Array.of(0, 0, 0, 3), ...options, ...requests]));
    const queue = new ByteQueue();
    const handshake = new Dialogue(serverHandshake([nbdExport], () => {}));
    const reader = new RequestReader(queue, 4096);
    let isAgreed = false;
    eachPiece(random, bytes, (piece) => {
      queue.push(piece);
      isAgreed ||= handshake.receive(queue) !== undefined;
      while (isAgreed && reader.next() !== undefined);
    });
  },
  'an NBD client that asks for an export': (random) => {
    const greeting = Greeting.encode({
      magic: GREETING_MAGIC,
      optionMagic: OPTION_MAGIC,
      handshakeFlags: random.oneIn(6) ? anyU32(random) & 0xffff : 3,
    });
    const answers = [Option.structuredReply, Option.setMetaContext, Option.go].flatMap((option) => {
      const acknowledged = nbdOptionReply(random, option, OptionReplyType.ack, Buffer.alloc(0));
      const told = Array.from({ length: random.below(3) }, () => nbdInformation(random, option));
      return random.oneIn(6) ? told : [...told, acknowledged];
    });
    const queue = new ByteQueue();
    const handshake = new Dialogue(clientHandshake('disk', () => {}));
    let agreement: ReturnType<typeof handshake.receive>;
    eachPiece(random, damagedNow(random, Buffer.concat([greeting, ...answers])), (piece) => {
      queue.push(piece);
      agreement ??= handshake.receive(queue);
    });
    if (agreement !== undefined && !(agreement.size >= 0 && agreement.blockSize.minimum >= 1)) {
      throw new Error(`an export of ${agreement.size} bytes in blocks of ${agreement.blockSize.minimum}`);
    }
  },
  'an NBD client, from a server': (random) => {
    const queue = new ByteQueue();
    const agreement = { blockSize: nbdExport.blockSize, allocationContext: 1 };
    const requests = new OutstandingRequests(agreement, queue, () => {});
    for (const command of [Command.read, Command.blockStatus, Command.flush]) {
      requests.start({ command, offset: 4096, length: 512 }, 0).catch(() => {});
    }
    const replies = Array.from({ length: 1 + random.below(5) }, () => nbdReply(random));
    eachPiece(random, damagedNow(random, Buffer.concat(replies)), (piece) => {
      queue.push(piece);
      requests.receive();
    });
  },
  'NBD URIs': (random) => {
    const uri = Buffer.from('nbd+unix:///a%20disk?socket=/run/disk.sock');
    parseNbdUri(damaged(random, uri).toString('latin1'));
  },
};

function nbdOption(random: Random, option: number): Buffer {
  const contexts = { exportName: '', queries: [ALLOCATION_CONTEXT] };
  const isContexts = option === Option.setMetaContext;
  const isAboutExport = option === Option.info || option === Option.go;
  const data = isContexts
    ? encodeMetaContextRequest(contexts)
    : isAboutExport
      ? encodeInfoRequest({ exportName: '', wanted: [random.below(5)] })
      : new Uint8Array(0);
  return Buffer.concat([OptionHeader.encode({ magic: OPTION_MAGIC, option, length: data.length }), data]);
}

function nbdOptionReply(random: Random, option: number, type: number, data: Uint8Array): Buffer {
  const length = near(random, data.length);
  return Buffer.concat([OptionReplyHeader.encode({ magic: OPTION_REPLY_MAGIC, option, type, length }), data]);
}

/** Something between the question and its acknowledgement. */
function nbdInformation(random: Random, option: number): Buffer {
  const information = Buffer.alloc(2 + random.pick([10, 12, random.below(20)]));
  information.writeUInt16BE(random.pick([0, 3, random.below(9)]));
  if (information.length >= 12) information.writeUInt32BE(anyU32(random), 6);
  const type = random.pick([
    OptionReplyType.info,
    OptionReplyType.metaContext,
    OptionReplyType.unsupported,
    0x8000_0002,
  ]);
  return nbdOptionReply(random, option, type, information);
}

/** A reply that could be right, to one of three requests. */
function nbdReply(random: Random): Buffer {
  const cookieLow = 1 + random.below(3);
  if (random.oneIn(4)) {
    const error = random.oneIn(2) ? 0 : anyU32(random);
    return Buffer.from(SimpleReplyHeader.encode({ magic: SIMPLE_REPLY_MAGIC, error, cookieLow }));
  }
  const data = randomBytes(random, random.below(40));
  return Buffer.concat([
    ChunkHeader.encode({
      magic: STRUCTURED_REPLY_MAGIC,
      flags: random.below(2),
      type: random.pick([0, 1, 2, 5, 0x8001, 0x8002, 0x8003, 7]),
      cookieLow,
      length: near(random, data.length),
    }),
    data,
  ]);
}

/** One time in three as it is. */
function damagedNow(random: Random, bytes: Buffer): Buffer {
  return random.oneIn(3) ? bytes : damaged(random, bytes);
}

function eachPiece(random: Random, bytes: Uint8Array, take: (piece: Uint8Array) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(40);
    take(bytes.subarray(at, at + length));
    at += length;
  }
}
