/** The newstyle negotiation, from both sides (NBD "Newstyle negotiation"). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DisklessError, ProtocolError } from '../../src/bytes/index.ts';
import { OptionHeader, OptionReplyType, TransmissionFlag } from '../../src/nbd/protocol.ts';
import { ClientSide, disk, hex, ServerSide, shakeHands } from './support.ts';

const greeting = hex(`
  4e42444d41474943 # NBDMAGIC
  49484156454f5054 # IHAVEOPT
  0003             # fixed newstyle, no zeroes`);
const clientFlags = hex('00000003');
const go = hex(`
  49484156454f5054 # IHAVEOPT
  00000007         # NBD_OPT_GO
  0000000c         # 12 bytes
  00000004 6469736b # "disk"
  0001 0003        # one wish: NBD_INFO_BLOCK_SIZE`);
const goAnswer = hex(`
  0003e889045565a9 00000007 00000003 0000000c # NBD_REP_INFO
  0000 0001000000000000 0005                  # NBD_INFO_EXPORT, 2^48 bytes, HAS_FLAGS and SEND_FLUSH
  0003e889045565a9 00000007 00000003 0000000e # NBD_REP_INFO
  0003 00000200 00001000 02000000             # NBD_INFO_BLOCK_SIZE
  0003e889045565a9 00000007 00000001 00000000 # NBD_REP_ACK`);

function option(number: number, data: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([
    OptionHeader.encode({ magic: 0x4948_4156_454f_5054n, option: number, length: data.length }),
    data,
  ]);
}

/** The types of the replies in what a server has sent. */
function replyTypes(sent: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < sent.length; at += 20 + sent.readUInt32BE(at + 16)) types.push(sent.readUInt32BE(at + 12));
  return types;
}

function greeted(): ServerSide {
  const server = new ServerSide();
  server.give(clientFlags);
  server.sent();
  return server;
}

test('NBD_OPT_GO, byte for byte, whether the bytes come at once or one at a time', () => {
  for (const size of [1000, 1]) {
    const server = new ServerSide();
    assert.deepEqual(server.sent(), greeting);
    const bytes = Buffer.concat([clientFlags, go]);
    let agreement: unknown;
    for (let at = 0; at < bytes.length; at += size) agreement = server.give(bytes.subarray(at, at + size));
    assert.deepEqual(agreement, { kind: 'transmission', export: disk, structuredReplies: false, allocation: false });
    assert.deepEqual(server.sent(), goAnswer);
  }
});

test('the client asks for structured replies, then the allocation context, then the export', () => {
  const client = new ClientSide();
  assert.equal(client.give(greeting), undefined);
  assert.deepEqual(client.sent(), Buffer.concat([clientFlags, option(8)]));
  client.give(hex('0003e889045565a9 00000008 00000001 00000000'));
  assert.deepEqual(
    client.sent(),
    option(10, hex('00000004 6469736b 00000001 0000000f 626173653a616c6c6f636174696f6e')),
  );
  client.give(hex('0003e889045565a9 0000000a 00000004 00000013 00000007 626173653a616c6c6f636174696f6e'));
  client.give(hex('0003e889045565a9 0000000a 00000001 00000000'));
  assert.deepEqual(client.sent(), go);
  assert.deepEqual(client.give(goAnswer), {
    size: disk.size,
    transmissionFlags: disk.transmissionFlags,
    blockSize: disk.blockSize,
    structuredReplies: true,
    allocationContext: 7,
  });
});

test('both ends agree, however the bytes between them are cut', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 30 })), (sizes) => {
      const cut = (bytes: Buffer): Buffer[] => {
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value ?? 1;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        return pieces;
      };
      const { client, server } = shakeHands(new ClientSide(), new ServerSide(), cut);
      assert.deepEqual(server, { kind: 'transmission', export: disk, structuredReplies: true, allocation: true });
      assert.deepEqual(client?.transmissionFlags, disk.transmissionFlags | TransmissionFlag.sendDontFragment);
      assert.equal(client?.allocationContext, 1);
    }),
  );
});

test('a server that knows no option but NBD_OPT_EXPORT_NAME is asked by it; 124 zeros follow where they were not declined', () => {
  for (const [flags, zeroes] of [
    ['0000', 124],
    ['0001', 124],
    ['0003', 0],
  ] as const) {
    const client = new ClientSide();
    client.give(Buffer.concat([greeting.subarray(0, 16), hex(flags)]));
    assert.deepEqual(client.sent().subarray(0, 4), hex(`0000${flags}`));
    if (flags !== '0000') {
      for (const number of [8, 7]) {
        client.give(Buffer.concat([hex('0003e889045565a9'), hex(`0000000${number} 80000001 00000000`)]));
      }
    }
    const agreement = client.give(Buffer.concat([hex('0000000000100000 0001'), new Uint8Array(zeroes)]));
    assert.deepEqual(agreement, {
      size: 1 << 20,
      transmissionFlags: 1,
      blockSize: { minimum: 1, preferred: 4096, maximum: 32 << 20 },
      structuredReplies: false,
      allocationContext: undefined,
    });
    assert.equal(client.queue.length, 0);
  }
});

test('NBD_OPT_EXPORT_NAME gets size and flags, and 124 zeros unless both sides do without', () => {
  for (const [flags, zeroes] of [
    ['00000001', 124],
    ['00000003', 0],
  ] as const) {
    const server = new ServerSide();
    server.sent();
    const agreement = server.give(Buffer.concat([hex(flags), option(1, Buffer.from('disk'))]));
    assert.equal(agreement?.kind, 'transmission');
    assert.deepEqual(server.sent(), Buffer.concat([hex('0001000000000000 0005'), new Uint8Array(zeroes)]));
  }
  assert.throws(() => greeted().give(option(1, Buffer.from('other'))), { code: 'NBD_EXPORT_UNKNOWN' });
});

test('the list names each export; INFO tells of one and goes on; ABORT ends', () => {
  const server = new ServerSide([disk, { ...disk, name: '' }]);
  server.give(clientFlags);
  server.sent();
  server.give(option(3));
  assert.deepEqual(
    server.sent(),
    hex(`0003e889045565a9 00000003 00000002 00000008 00000004 6469736b
         0003e889045565a9 00000003 00000002 00000004 00000000
         0003e889045565a9 00000003 00000001 00000000`),
  );
  assert.equal(server.give(option(6, hex('00000004 6469736b 0002 0001 0002'))), undefined);
  const sent = server.sent();
  assert.deepEqual(replyTypes(sent), [3, 3, 3, 3, 1]);
  assert.ok(sent.includes('a disk'));
  assert.deepEqual(server.give(option(2)), { kind: 'over' });
  assert.deepEqual(replyTypes(server.sent()), [1]);
});

test('what is not known or cannot be read is refused, and the negotiation goes on', () => {
  const { unknown, unsupported, invalid } = OptionReplyType;
  const cases: readonly (readonly [string, Buffer, number])[] = [
    ['STARTTLS', option(5), unsupported],
    ['an option of nobody', option(99, Buffer.from('anything')), unsupported],
    ['LIST with data', option(3, hex('00')), invalid],
    ['STRUCTURED_REPLY with data', option(8, hex('00')), invalid],
    ['GO for another export', option(7, hex('00000001 78 0000')), unknown],
    ['GO that is cut short', option(7, hex('00000004 6469')), invalid],
    ['GO with bytes too many', option(7, hex('00000000 0000 00')), invalid],
    ['GO with a name that is no UTF-8', option(7, hex('00000001 ff 0000')), invalid],
    ['a metadata context before structured replies', option(10, hex('00000004 6469736b 00000000')), invalid],
  ];
  const server = greeted();
  for (const [what, bytes, type] of cases) {
    assert.equal(server.give(bytes), undefined, what);
    assert.deepEqual(replyTypes(server.sent()), [type], what);
  }
  server.give(option(8));
  server.give(option(10, hex('00000001 78 00000000')));
  assert.deepEqual(replyTypes(server.sent()), [1, unknown]);
  assert.equal(server.give(go)?.kind, 'transmission');
});

test('metadata contexts: all are listed without a query, those that are not known are passed over, the last choice counts', () => {
  const server = greeted();
  server.give(option(8));
  server.sent();
  const query = (text: string): Buffer =>
    Buffer.concat([
      hex('00000004 6469736b 00000001'),
      hex(text.length.toString(16).padStart(8, '0')),
      Buffer.from(text),
    ]);
  server.give(option(9, hex('00000004 6469736b 00000000')));
  assert.deepEqual(replyTypes(server.sent()), [4, 1]);
  server.give(option(9, query('base:')));
  assert.deepEqual(replyTypes(server.sent()), [4, 1]);
  server.give(option(9, query('qemu:')));
  assert.deepEqual(replyTypes(server.sent()), [1]);
  server.give(option(10, query('base:allocation')));
  assert.deepEqual(replyTypes(server.sent()), [4, 1]);
  server.give(option(10, query('qemu:dirty-bitmap:x')));
  assert.deepEqual(replyTypes(server.sent()), [1]);
  const agreement = server.give(go);
  assert.equal(agreement?.kind === 'transmission' && agreement.allocation, false);
});

test('a client that breaks the negotiation loses the connection', () => {
  assert.throws(() => new ServerSide().give(hex('00000004')), { code: 'NBD_HANDSHAKE' });
  assert.throws(() => greeted().give(Buffer.alloc(16)), { code: 'NBD_HANDSHAKE' });
  const tooLong = OptionHeader.encode({ magic: 0x4948_4156_454f_5054n, option: 3, length: 0xffff_ffff });
  assert.throws(() => greeted().give(tooLong), { code: 'NBD_HANDSHAKE' });
  const endless = greeted();
  assert.throws(
    () => {
      for (;;) endless.give(option(3));
    },
    { code: 'NBD_HANDSHAKE' },
  );
});

const lies: readonly (readonly [string, Buffer, string])[] = [
  ['is no NBD server', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'NBD_HANDSHAKE'],
  ['speaks oldstyle', hex('4e42444d41474943 0000420281861253 0000000000100000'), 'NBD_OLDSTYLE'],
  ['speaks a style of its own', hex('4e42444d41474943 0000000000000000 0003'), 'NBD_HANDSHAKE'],
  ['replies without magic', Buffer.concat([greeting, Buffer.alloc(20)]), 'NBD_HANDSHAKE'],
  [
    'answers another option',
    Buffer.concat([greeting, hex('0003e889045565a9 00000003 00000001 00000000')]),
    'NBD_HANDSHAKE',
  ],
  [
    'announces a reply of 4 GiB',
    Buffer.concat([greeting, hex('0003e889045565a9 00000008 00000001 ffffffff')]),
    'NBD_HANDSHAKE',
  ],
  [
    'replies for ever',
    Buffer.concat([
      greeting,
      ...Array.from({ length: 1001 }, () => hex('0003e889045565a9 00000008 00000002 00000000')),
    ]),
    'NBD_HANDSHAKE',
  ],
];

for (const [what, bytes, code] of lies) {
  test(`a server that ${what} is ${code}`, () => {
    assert.throws(() => new ClientSide().give(bytes), { code });
  });
}

test('what the server refuses is said in its own words', () => {
  const words = Buffer.from('not today');
  for (const [type, code] of [
    ['80000006', 'NBD_EXPORT_UNKNOWN'],
    ['80000005', 'NBD_TLS_REQUIRED'],
    ['80000002', 'NBD_REFUSED'],
  ] as const) {
    const client = new ClientSide();
    client.give(Buffer.concat([greeting, hex('0003e889045565a9 00000008 80000001 00000000')]));
    const refusal = Buffer.concat([hex(`0003e889045565a9 00000007 ${type} 00000009`), words]);
    assert.throws(() => client.give(refusal), { code, message: /not today/ });
  }
});

test('arbitrary bytes raise nothing but a refusal with a code, on either side', () => {
  const magicOrNot = fc.oneof(
    fc.constant(new Uint8Array(greeting)),
    fc.constant(new Uint8Array(go)),
    fc.constant(new Uint8Array(goAnswer)),
    fc.uint8Array({ maxLength: 60 }),
  );
  fc.assert(
    fc.property(fc.array(magicOrNot, { maxLength: 8 }), (parts) => {
      for (const side of [new ServerSide(), new ClientSide()]) {
        try {
          for (const part of parts) side.give(part);
        } catch (error) {
          assert.ok(error instanceof ProtocolError || error instanceof DisklessError, String(error));
        }
      }
    }),
  );
});
