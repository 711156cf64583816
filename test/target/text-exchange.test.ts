/** Keys in the full feature phase (RFC 7143 §6.4, §11.10, §11.11). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { Reject, RejectReason, TextRequest, TextResponse } from '../../src/iscsi/pdu.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import { Transfer10Cdb } from '../../src/scsi/index.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { serveTarget } from './served-target.ts';
import { join, open } from './several-connections.ts';

const BLOCK = 512;
const BLOCKS = 32;
const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: BLOCKS });

interface TextOptions {
  readonly final?: boolean;
  readonly continue?: boolean;
  readonly targetTransferTag?: number;
}

function sendText(initiator: RawInitiator, text: string, options: TextOptions = {}): void {
  const pairs = text === '' ? [] : text.split(' ').map((pair) => pair.split('=', 2));
  const data = encodeText(pairs.map(([key = '', value = '']) => ({ key, value })));
  const numbers = { cmdSN: initiator.cmdSN, expStatSN: initiator.expStatSN };
  const tags = { initiatorTaskTag: 0x7e47, targetTransferTag: RESERVED_TAG };
  const header = { opcode: Opcode.textRequest, immediate: true, final: true, ...tags, ...numbers, ...options };
  initiator.send(TextRequest.encode(header), data.length === 0 ? [] : [data]);
}

async function answer(initiator: RawInitiator): Promise<{ text: string; final: boolean; targetTransferTag: number }> {
  const pdu = await initiator.expect(Opcode.textResponse);
  const { final, targetTransferTag, statSN } = TextResponse.view(pdu.header);
  initiator.expStatSN = statSN + 1;
  const pairs = decodeText(Buffer.concat(pdu.data)).map(({ key, value }) => `${key}=${value}`);
  return { text: pairs.join(' '), final, targetTransferTag };
}

async function ask(initiator: RawInitiator, text: string): Promise<string> {
  sendText(initiator, text);
  const { text: said, final, targetTransferTag } = await answer(initiator);
  assert.deepEqual([final, targetTransferTag], [true, RESERVED_TAG]);
  return said;
}

async function isRejected(initiator: RawInitiator, text: string, options: TextOptions = {}): Promise<void> {
  sendText(initiator, text, options);
  const { reason, statSN } = Reject.view((await initiator.expect(Opcode.reject)).header);
  initiator.expStatSN = statSN + 1;
  assert.equal(reason, RejectReason.protocolError);
}

/** The longest data segment that a READ comes in. */
async function segmentLength(initiator: RawInitiator): Promise<number> {
  const { pdus, data } = await initiator.run(read, { length: BLOCKS * BLOCK });
  assert.equal(data.length, BLOCKS * BLOCK);
  return Math.max(...pdus.map(({ dataLength }) => dataLength));
}

const serve = () => serveTarget({ device: new MemoryDevice(BLOCKS * BLOCK) });

test('MaxRecvDataSegmentLength can be declared again, shorter and longer, without an answer (RFC 7143 §13.12)', async () => {
  await using served = await serve();
  const initiator = await open(served, { MaxRecvDataSegmentLength: '4096' });
  assert.equal(await segmentLength(initiator), 4096);
  for (const length of [512, 0x1000, 8192]) {
    assert.equal(await ask(initiator, `MaxRecvDataSegmentLength=${length}`), '');
    assert.equal(await segmentLength(initiator), length);
  }
  assert.equal(await ask(initiator, 'MaxRecvDataSegmentLength=0x400'), '');
  assert.equal(await segmentLength(initiator), 1024);
});

test('it holds for its own connection (RFC 7143 §13.12: CO)', async () => {
  await using served = await serve();
  const first = await open(served, { MaxConnections: '4', MaxRecvDataSegmentLength: '4096' });
  const second = await join(served, first, 2);
  assert.equal(await ask(second, 'MaxRecvDataSegmentLength=1024'), '');
  assert.equal(await segmentLength(second), 1024);
  first.cmdSN = second.cmdSN;
  assert.equal(await segmentLength(first), 4096);
});

test('what was declared holds when the exchange has ended, and not before (RFC 7143 §6.4)', async () => {
  await using served = await serve();
  const initiator = await open(served, { MaxRecvDataSegmentLength: '4096' });
  sendText(initiator, 'MaxRecvDataSegmentLength=512', { final: false });
  const first = await answer(initiator);
  assert.equal(first.final, false, 'no F bit in the answer to a request without it (RFC 7143 §11.11.1)');
  assert.notEqual(first.targetTransferTag, RESERVED_TAG);
  assert.equal(await segmentLength(initiator), 4096);
  sendText(initiator, 'InitiatorAlias=me', { targetTransferTag: first.targetTransferTag });
  const last = await answer(initiator);
  assert.deepEqual(last, { text: '', final: true, targetTransferTag: RESERVED_TAG });
  assert.equal(await segmentLength(initiator), 512);
});

test('a new exchange forgets what an unfinished one has declared (RFC 7143 §6.4)', async () => {
  await using served = await serve();
  const initiator = await open(served, { MaxRecvDataSegmentLength: '4096' });
  sendText(initiator, 'MaxRecvDataSegmentLength=512', { final: false });
  const { targetTransferTag } = await answer(initiator);
  assert.equal(await ask(initiator, 'InitiatorAlias=me'), '');
  assert.equal(await segmentLength(initiator), 4096);
  await isRejected(initiator, '', { targetTransferTag });
});

test('a key that comes twice in one exchange is rejected, and the exchange with it (RFC 7143 §6.4)', async () => {
  await using served = await serve();
  const initiator = await open(served, { MaxRecvDataSegmentLength: '4096' });
  await isRejected(initiator, 'MaxRecvDataSegmentLength=512 MaxRecvDataSegmentLength=1024');
  sendText(initiator, 'MaxRecvDataSegmentLength=512', { final: false });
  const { targetTransferTag } = await answer(initiator);
  await isRejected(initiator, 'MaxRecvDataSegmentLength=1024', { targetTransferTag });
  await isRejected(initiator, '', { targetTransferTag });
  assert.equal(await segmentLength(initiator), 4096);
});

test('a text that goes on cannot be the last one (RFC 7143 §11.10.2)', async () => {
  await using served = await serve();
  const initiator = await open(served);
  await isRejected(initiator, 'InitiatorAlias=me', { continue: true, final: true });
});

for (const [text, expected] of [
  ['MaxRecvDataSegmentLength=511', 'MaxRecvDataSegmentLength=Reject'],
  ['MaxRecvDataSegmentLength=16777216', 'MaxRecvDataSegmentLength=Reject'],
  ['MaxRecvDataSegmentLength=many', 'MaxRecvDataSegmentLength=Reject'],
  ['MaxBurstLength=512', 'MaxBurstLength=Reject'],
  ['HeaderDigest=CRC32C', 'HeaderDigest=Reject'],
  ['ErrorRecoveryLevel=2', 'ErrorRecoveryLevel=Reject'],
  ['TaskReporting=RFC3720', 'TaskReporting=Reject'],
  ['InitiatorName=iqn.2026-11.internal.test:other', 'InitiatorName=Reject'],
  ['TargetAlias=disk', 'TargetAlias=Reject'],
  ['IFMarker=Yes', 'IFMarker=No'],
  ['OFMarkInt=2048', 'OFMarkInt=Reject'],
  ['InitiatorAlias=me', ''],
  ['X-com.example.key=1', 'X-com.example.key=NotUnderstood'],
] as const) {
  test(`${text} is answered with ${expected === '' ? 'nothing' : expected}, and changes nothing else (RFC 7143 §13)`, async () => {
    await using served = await serve();
    const initiator = await open(served, { MaxRecvDataSegmentLength: '4096', MaxBurstLength: '8192' });
    assert.equal(await ask(initiator, text), expected);
    assert.equal(await segmentLength(initiator), 4096);
  });
}

test('whatever is asked for in whatever pieces, every request gets one answer and the session goes on', async () => {
  const keys = fc.constantFrom(
    'MaxRecvDataSegmentLength=512',
    'MaxRecvDataSegmentLength=9999999999',
    'SendTargets=All',
    'SendTargets=nobody',
    'HeaderDigest=None',
    'X-com.example.key=1',
  );
  const request = fc.record({
    text: fc.array(keys, { maxLength: 3 }).map((pairs) => pairs.join(' ')),
    final: fc.boolean(),
    continue: fc.boolean(),
    follows: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
      await using served = await serve();
      const initiator = await open(served, { MaxRecvDataSegmentLength: '600' });
      let tag = RESERVED_TAG;
      for (const { text, follows, ...bits } of requests) {
        sendText(initiator, text, { ...bits, targetTransferTag: follows ? tag : RESERVED_TAG });
        const pdu = await initiator.next();
        assert.ok(pdu !== undefined);
        const response = TextResponse.view(pdu.header);
        assert.ok(response.opcode === Opcode.textResponse || response.opcode === Opcode.reject);
        if (response.opcode === Opcode.textResponse) {
          tag = response.targetTransferTag;
          assert.equal(response.final, tag === RESERVED_TAG);
          assert.ok(!response.final || bits.final, 'the F bit only answers the F bit');
        }
      }
      assert.ok((await segmentLength(initiator)) <= 600);
    }),
    { numRuns: 40 },
  );
});
