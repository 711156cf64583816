/** Requests and replies as they are on the wire (NBD "Transmission phase"), from both sides. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue, DisklessError } from '../../src/bytes/index.ts';
import { OutstandingRequests } from '../../src/nbd/outstanding.ts';
import { Command, CommandFlag } from '../../src/nbd/protocol.ts';
import { blockStatusChunk, dataChunk, errorChunk, simpleReply } from '../../src/nbd/reply.ts';
import { RequestReader } from '../../src/nbd/request.ts';
import { hex } from './support.ts';

const writeRequest = hex(`
  25609513         # NBD_REQUEST_MAGIC
  0001             # NBD_CMD_FLAG_FUA
  0001             # NBD_CMD_WRITE
  0000000000000001 # cookie
  0000000000001000 # offset
  00000004         # length
  deadbeef         # data`);

function outstanding() {
  const bytes = new ByteQueue();
  const sent: Uint8Array[] = [];
  const agreement = { blockSize: { minimum: 1, preferred: 4096, maximum: 1 << 20 }, allocationContext: 1 };
  const requests = new OutstandingRequests(agreement, bytes, (part) => sent.push(part));
  const receive = (part: Uint8Array): void => {
    bytes.push(part);
    requests.receive();
  };
  return { requests, receive, sent: () => Buffer.concat(sent.splice(0)) };
}

test('a WRITE, byte for byte: as it is sent, and as it is read one byte at a time', () => {
  const { requests, sent } = outstanding();
  void requests.start(
    { command: Command.write, flags: CommandFlag.fua, offset: 4096, length: 4, data: [hex('dead'), hex('beef')] },
    0,
  );
  assert.deepEqual(sent(), writeRequest);
  const queue = new ByteQueue();
  const reader = new RequestReader(queue, 4);
  for (const [index, byte] of writeRequest.entries()) {
    queue.push(Uint8Array.of(byte));
    const request = reader.next();
    assert.equal(request !== undefined, index === writeRequest.length - 1);
    if (request === undefined) continue;
    const { command, flags, offset, length } = request.header;
    assert.deepEqual([command, flags, offset, length], [1, 1, 4096, 4]);
    assert.deepEqual(Buffer.concat(request.data), hex('deadbeef'));
  }
});

test('replies, byte for byte', () => {
  const queue = new ByteQueue();
  queue.push(hex('25609513 0000 0000 1122334455667788 0000000000010000 00000200'));
  const request = new RequestReader(queue, 4096).next();
  assert.ok(request !== undefined);
  const { header } = request;
  assert.deepEqual(Buffer.from(simpleReply(header, 5)), hex('67446698 00000005 1122334455667788'));
  assert.deepEqual(
    Buffer.from(dataChunk(header)),
    hex('668e33ef 0001 0001 1122334455667788 00000208 0000000000010000'),
  );
  assert.deepEqual(
    Buffer.from(errorChunk(header, 22, 'no')),
    hex('668e33ef 0001 8001 1122334455667788 00000008 00000016 0002 6e6f'),
  );
  assert.deepEqual(
    Buffer.from(blockStatusChunk(header, 1, [{ length: 512, flags: 3 }])),
    hex('668e33ef 0001 0005 1122334455667788 0000000c 00000001 00000200 00000003'),
  );
});

test('a stream that loses its place, or announces more than is allowed, ends', () => {
  const read = (bytes: Buffer) => {
    const queue = new ByteQueue();
    queue.push(bytes);
    return new RequestReader(queue, 3).next();
  };
  assert.throws(() => read(Buffer.alloc(28)), { code: 'NBD_MAGIC' });
  assert.throws(() => read(writeRequest), { code: 'NBD_PAYLOAD_TOO_LONG' });
});

test('a READ is gathered from chunks in any order, and holes are zeros', async () => {
  const { requests, receive } = outstanding();
  const reading = requests.start({ command: Command.read, offset: 16, length: 12 }, 0);
  receive(hex('668e33ef 0000 0001 0000000000000001 0000000c 0000000000000018 0a0b0c0d'));
  receive(hex('668e33ef 0000 0002 0000000000000001 0000000c 0000000000000014 00000004'));
  receive(hex('668e33ef 0000 0001 0000000000000001 0000000c 0000000000000010 01020304'));
  receive(hex('668e33ef 0001 0000 0000000000000001 00000000'));
  assert.deepEqual(Buffer.concat((await reading).data), hex('01020304 00000000 0a0b0c0d'));
  assert.equal(requests.size, 0);
});

test('answers come back in any order, each to its own request', async () => {
  const { requests, receive } = outstanding();
  const first = requests.start({ command: Command.read, offset: 0, length: 2 }, 7);
  const second = requests.start({ command: Command.flush }, 9);
  assert.equal(requests.oldest, 7);
  receive(hex('67446698 00000000 0000000000000002'));
  await second;
  receive(hex('67446698 00000000 0000000000000001 abcd'));
  assert.deepEqual(Buffer.concat((await first).data), hex('abcd'));
  assert.equal(requests.oldest, undefined);
});

test('an error keeps its number and its words, and is told when the reply is complete', async () => {
  const { requests, receive } = outstanding();
  const simple = requests.start({ command: Command.read, offset: 0, length: 2 }, 0);
  receive(hex('67446698 0000001c 0000000000000001'));
  await assert.rejects(simple, { code: 'NBD_COMMAND_FAILED', error: 28 });
  const structured = requests.start({ command: Command.read, offset: 0, length: 2 }, 0);
  receive(hex('668e33ef 0000 8002 0000000000000002 00000010 00000005 0002 6e6f 0000000000000001'));
  assert.equal(requests.size, 1);
  receive(hex('668e33ef 0001 0000 0000000000000002 00000000'));
  await assert.rejects(structured, { error: 5, message: /no/ });
});

const lies: readonly (readonly [string, string])[] = [
  ['a reply without its magic number', '00000000 00000000 0000000000000001'],
  ['a reply to nobody', '67446698 00000000 0000000000000009'],
  ['a chunk for nobody', '668e33ef 0001 0000 0000000000000009 00000000'],
  ['a chunk of 4 GiB', '668e33ef 0001 0001 0000000000000001 ffffffff'],
  ['a chunk of no known type', '668e33ef 0001 0063 0000000000000001 00000000'],
  ['data of another place', '668e33ef 0001 0001 0000000000000001 0000000a 0000000000000003 abcd'],
  ['data before the start', '668e33ef 0001 0001 0000000000000001 00000009 0000000000000000 ab'],
  ['less data than was asked for', '668e33ef 0001 0001 0000000000000001 00000009 0000000000000001 ab'],
  [
    'the same data twice',
    '668e33ef 0000 0001 0000000000000001 00000009 0000000000000001 ab 668e33ef 0001 0001 0000000000000001 00000009 0000000000000001 ab',
  ],
  ['a data chunk without data', '668e33ef 0001 0001 0000000000000001 00000008 0000000000000001'],
  ['data in an empty chunk', '668e33ef 0001 0000 0000000000000001 00000001 00'],
  ['block status that was not asked for', '668e33ef 0001 0005 0000000000000001 0000000c 00000001 00000200 00000000'],
  ['an error that is none', '668e33ef 0001 8001 0000000000000001 00000006 00000000 0000'],
  ['a message that is cut short', '668e33ef 0001 8001 0000000000000001 00000006 00000005 0009'],
];

for (const [what, bytes] of lies) {
  test(`a server that sends ${what} loses the connection`, () => {
    const { requests, receive } = outstanding();
    requests.start({ command: Command.read, offset: 1, length: 2 }, 0).catch(() => {});
    assert.throws(() => receive(hex(bytes)), { code: /^(NBD_(MAGIC|REPLY|PAYLOAD_TOO_LONG))$/ });
  });
}

test('block status of another context is passed over; none at all is an error', async () => {
  const { requests, receive } = outstanding();
  const ask = () => requests.start({ command: Command.blockStatus, offset: 0, length: 512 }, 0);
  const asked = ask();
  receive(hex('668e33ef 0000 0005 0000000000000001 0000000c 00000009 00000200 00000001'));
  receive(hex('668e33ef 0001 0005 0000000000000001 0000000c 00000001 00000200 00000003'));
  assert.deepEqual((await asked).statuses, [{ length: 512, flags: 3 }]);
  ask().catch(() => {});
  assert.throws(() => receive(hex('668e33ef 0001 0000 0000000000000002 00000000')), { code: 'NBD_REPLY' });
});

test('arbitrary bytes raise nothing but a protocol error', () => {
  const part = fc.oneof(
    fc.constant(hex('25609513')),
    fc.constant(hex('67446698')),
    fc.constant(hex('668e33ef')),
    fc.constant(hex('0000000000000001')),
    fc.uint8Array({ maxLength: 24 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const { requests, receive } = outstanding();
      requests.start({ command: Command.read, offset: 0, length: 8 }, 0).catch(() => {});
      const queue = new ByteQueue();
      const reader = new RequestReader(queue, 64);
      try {
        for (const bytes of parts) {
          queue.push(bytes);
          while (reader.next() !== undefined);
        }
      } catch (error) {
        assert.ok(error instanceof DisklessError, String(error));
      }
      try {
        for (const bytes of parts) receive(bytes);
      } catch (error) {
        assert.ok(error instanceof DisklessError, String(error));
      }
    }),
  );
});
