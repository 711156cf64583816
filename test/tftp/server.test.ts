import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodePacket, ErrorCode, encodePacket, Opcode, TftpServer } from '../../src/tftp/index.ts';
import { accepted, client, content, readRequest, serverOf } from './exchange.ts';

describe('the server', () => {
  test('refuses what it does not have, writing, unknown modes and paths upwards', async () => {
    const { server: tftp } = serverOf({});
    const code = async (packet: Uint8Array) => {
      const answer = await tftp.receive(packet, client);
      assert.ok(answer.type === 'refused');
      const error = decodePacket(answer.data);
      return error.opcode === Opcode.error ? error.code : -1;
    };
    assert.equal(await code(readRequest('missing')), ErrorCode.fileNotFound);
    assert.equal(await code(readRequest('../secret')), ErrorCode.accessViolation);
    assert.equal(await code(readRequest('file', {}, 'mail')), ErrorCode.illegalOperation);
    assert.equal(await code(new Uint8Array(9)), ErrorCode.illegalOperation);
    const write = encodePacket({ opcode: Opcode.writeRequest, fileName: 'a', mode: 'octet', options: new Map() });
    assert.equal(await code(write), ErrorCode.accessViolation);
    const stray = encodePacket({ opcode: Opcode.error, code: 0, message: 'x' });
    assert.deepEqual(await tftp.receive(stray, client), { type: 'ignored', reason: 'stray' });
  });

  test('starts a repeated request once, and a new request of the same port beside what runs', async () => {
    const { server: tftp, closed } = serverOf({ one: content(9000), two: content(9000), three: content(9000) });
    const first = accepted(await tftp.receive(readRequest('one'), client));
    first.transfer.start(0);
    assert.deepEqual(await tftp.receive(readRequest('one'), client), { type: 'ignored', reason: 'repeated' });
    const other = await tftp.receive(readRequest('one'), { ...client, port: 2001 });
    assert.equal(other.type, 'transfer');
    const second = await tftp.receive(readRequest('two'), client);
    assert.ok(second.type === 'transfer');
    assert.deepEqual([second.replaces, tftp.transfers], [undefined, 3]);
    const third = await tftp.receive(readRequest('three'), client);
    assert.ok(third.type === 'transfer');
    assert.equal(third.replaces, first, 'two are enough for one port');
    assert.deepEqual([closed, tftp.transfers], [['one'], 3]);
    tftp.finished(first);
    assert.deepEqual([closed, tftp.transfers], [['one'], 3], 'what was replaced is over once');
    for (const one of [second, third]) tftp.finished(one.accepted);
    assert.deepEqual([closed, tftp.transfers], [['one', 'two', 'three'], 1]);
  });

  test('opens a file once however often the request comes meanwhile', async () => {
    const opened = Promise.withResolvers<undefined>();
    let count = 0;
    const tftp = new TftpServer({
      open: () => {
        count++;
        return opened.promise;
      },
    });
    const first = tftp.receive(readRequest('slow'), client);
    assert.deepEqual(await tftp.receive(readRequest('slow'), client), { type: 'ignored', reason: 'repeated' });
    opened.resolve(undefined);
    assert.equal((await first).type, 'refused');
    assert.equal(count, 1);
  });

  test('runs no more transfers than it may', async () => {
    const { server: tftp, closed } = serverOf({ file: content(9000) }, 2);
    const at = (port: number) => tftp.receive(readRequest('file'), { ...client, port });
    const first = accepted(await at(1));
    await at(2);
    assert.deepEqual(await at(3), { type: 'ignored', reason: 'busy' });
    tftp.finished(first);
    assert.deepEqual(closed, ['file']);
    assert.equal((await at(3)).type, 'transfer');
  });
});
