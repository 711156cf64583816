import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ErrorCode, encodePacket, Opcode, ReadClient, type ReadClientOptions } from '../../src/tftp/index.ts';
import { names, readRequest, server } from './exchange.ts';

describe('the client', () => {
  const start = (options: Partial<ReadClientOptions> = {}) => {
    const reader = new ReadClient({ server, fileName: 'file', ...options });
    reader.start(0);
    return reader;
  };
  const from = { ...server, port: 4000 };
  const data = (block: number, length: number) =>
    encodePacket({ opcode: Opcode.data, block, data: new Uint8Array(length) });

  test('reads from the first that answers, and tells others that they are not meant', () => {
    const reader = start();
    assert.deepEqual(reader.receive(data(1, 512), { address: '192.0.2.66', port: 4000 }, 0), []);
    assert.equal(reader.receive(data(1, 512), from, 0)[0]?.type, 'data');
    const [answer] = reader.receive(data(2, 512), { ...from, port: 4001 }, 0);
    assert.ok(answer?.type === 'send');
    assert.deepEqual(names([answer.data]), [`ERROR ${ErrorCode.unknownTransferId}`]);
    assert.equal(reader.receive(data(2, 512), from, 0)[0]?.type, 'data');
  });

  test('tells of a gap once, and leaves be what came twice (RFC 7440 §4)', () => {
    const reader = start({ windowSize: 4, blockSize: 512 });
    const oack = encodePacket({ opcode: Opcode.optionAck, options: new Map([['windowsize', '4']]) });
    const takes = (block: number): string =>
      reader
        .receive(data(block, 512), from, 0)
        .map((action) => (action.type === 'send' ? (names([action.data])[0] ?? '') : action.type))
        .join(' ');
    reader.receive(oack, from, 0);
    assert.deepEqual([1, 2, 4, 5, 1, 2].map(takes), ['data', 'data', 'ACK 2', '', '', ''], '3 is missing');
    assert.deepEqual([3, 4, 5, 6].map(takes), ['data', 'data', 'data', 'data ACK 6']);
    assert.deepEqual([3, 4, 5, 6].map(takes), ['', '', '', 'ACK 6'], 'the ACK was lost, and all came again');
    assert.deepEqual([7, 6].map(takes), ['data', '']);
  });

  test('asks again without options when the server does not want them', () => {
    const reader = start();
    const refusal = encodePacket({ opcode: Opcode.error, code: ErrorCode.optionNegotiationFailed, message: '' });
    const [again] = reader.receive(refusal, server, 0);
    assert.ok(again?.type === 'send');
    assert.deepEqual(again.data, readRequest('file'));
  });

  test('takes no larger blocks than agreed and no more than it asked for', () => {
    const failure = (packet: Uint8Array) => {
      const last = start({ blockSize: 1024, windowSize: 4 }).receive(packet, from, 0).at(-1);
      return last?.type === 'failed' ? last.error.code : last?.type;
    };
    const oack = (name: string, value: string) =>
      encodePacket({ opcode: Opcode.optionAck, options: new Map([[name, value]]) });
    assert.equal(failure(data(1, 513)), 'TFTP_PACKET_INVALID');
    assert.equal(failure(oack('blksize', '1025')), 'TFTP_OPTION_INVALID');
    assert.equal(failure(oack('windowsize', '5')), 'TFTP_OPTION_INVALID');
    assert.equal(failure(oack('blksize', 'many')), 'TFTP_OPTION_INVALID');
    assert.equal(failure(oack('blksize', '1024')), 'send');
  });

  test('goes on acknowledging the last block for a while, and then is done', () => {
    const reader = start();
    assert.deepEqual(
      reader.receive(data(1, 5), from, 100).map(({ type }) => type),
      ['data', 'send', 'complete'],
    );
    assert.deepEqual(
      reader.receive(data(1, 5), from, 200).map(({ type }) => type),
      ['send'],
    );
    assert.equal(reader.deadline, 3100);
    assert.deepEqual(reader.poll(3100), []);
    assert.equal(reader.deadline, undefined);
    assert.deepEqual(reader.receive(data(1, 5), from, 3200), []);
  });

  test('any datagrams raise nothing', () => {
    const property = fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 600 }), (opcode, rest) => {
      const reader = start();
      for (let times = 0; times < 3; times++) reader.receive(Uint8Array.from([0, opcode, ...rest]), from, times);
    });
    fc.assert(property);
  });
});
