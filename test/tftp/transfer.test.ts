import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import { decodePacket, encodePacket, Opcode, type ReadTransfer, TftpServer } from '../../src/tftp/index.ts';
import { accepted, ack, client, content, names, readRequest, serverOf } from './exchange.ts';

async function startTransfer(length: number, options: Record<string, string> = {}) {
  const { server: tftp } = serverOf({ file: content(length) });
  const { transfer } = accepted(await tftp.receive(readRequest('file', options), client));
  return { transfer, first: names(transfer.start(0)) };
}

/** Takes all blocks but answers too often, and one of its ACKs is lost. Gives how many blocks were sent. */
function readEagerly(transfer: ReadTransfer, windowSize: number, lostAck: number): number {
  let [now, received, sinceAck, acks, sent] = [0, 0, 0, 0, 0];
  const underway = [...transfer.receive(ack(0), now)];
  const acknowledge = () => {
    sinceAck = 0;
    if (acks++ !== lostAck) underway.push(...transfer.receive(ack(received), now));
  };
  while (transfer.outcome === undefined) {
    const bytes = underway.shift();
    if (bytes === undefined) {
      now = transfer.deadline ?? now;
      underway.push(...transfer.poll(now));
      continue;
    }
    now++;
    const packet = decodePacket(bytes);
    assert.ok(packet.opcode === Opcode.data);
    sent++;
    if (packet.block === received + 1) {
      received++;
      if (++sinceAck === windowSize || packet.data.length < 512) acknowledge();
    } else acknowledge();
  }
  return sent;
}

describe('a transfer', () => {
  test('without options starts with the first block and ends after the short one', async () => {
    const { transfer, first } = await startTransfer(1024);
    assert.deepEqual(first, ['DATA 1 (512)']);
    assert.deepEqual(names(transfer.receive(ack(1), 1)), ['DATA 2 (512)']);
    assert.deepEqual(names(transfer.receive(ack(2), 2)), ['DATA 3 (0)']);
    assert.equal(transfer.outcome, undefined);
    assert.deepEqual(names(transfer.receive(ack(3), 3)), []);
    assert.deepEqual([transfer.outcome, transfer.acknowledged], [{ type: 'complete' }, 1024]);
    assert.equal(transfer.deadline, undefined);
  });

  test('with options begins after the client has agreed', async () => {
    const { transfer, first } = await startTransfer(100, { tsize: '0', blksize: '64' });
    assert.deepEqual(first, ['OACK tsize 100 blksize 64']);
    assert.deepEqual(names(transfer.receive(ack(0), 1)), ['DATA 1 (64)']);
    assert.deepEqual(names(transfer.receive(ack(1), 2)), ['DATA 2 (36)']);
  });

  test('a repeated ACK brings no repeated block (the Sorcerer’s Apprentice)', async () => {
    const { transfer } = await startTransfer(5000);
    assert.deepEqual(names(transfer.receive(ack(1), 1)), ['DATA 2 (512)']);
    assert.deepEqual(names(transfer.receive(ack(1), 2)), []);
    assert.deepEqual(names(transfer.receive(ack(0), 3)), []);
    assert.deepEqual(names(transfer.receive(ack(9), 4)), []);
    assert.deepEqual(names(transfer.receive(ack(2), 5)), ['DATA 3 (512)']);
  });

  test('sends whole windows, and goes on where an ACK says that blocks were lost', async () => {
    const { transfer } = await startTransfer(9000, { windowsize: '3' });
    const blocks = (...numbers: number[]) => numbers.map((number) => `DATA ${number} (512)`);
    const acked = (number: number, now: number) => names(transfer.receive(ack(number), now));
    assert.deepEqual(acked(0, 1), blocks(1, 2, 3));
    assert.deepEqual(acked(3, 2), blocks(4, 5, 6));
    assert.deepEqual(acked(4, 3), blocks(5, 6, 7));
    // Block 6 may have been lost again, or be acknowledged because it came twice.
    assert.deepEqual(acked(5, 4), blocks(8));
    assert.equal(transfer.deadline, 204);
    assert.deepEqual(names(transfer.poll(204)), blocks(6, 7, 8), 'nothing better has followed');
    assert.deepEqual(acked(8, 205), blocks(9, 10, 11));
    assert.deepEqual(acked(11, 206), blocks(12, 13, 14));
    assert.deepEqual(acked(11, 207), blocks(12, 13, 14), 'the first of the window was lost');
    assert.deepEqual(acked(11, 208), [], 'once is enough');
  });

  // EDK II does so: every block that is not the next one is answered with the ACK of the last good one.
  for (const windowsize of [1, 2, 4, 8]) {
    test(`sends little twice to a client that acknowledges all it gets, windows of ${windowsize}`, async () => {
      const blocks = 200;
      for (let lost = 0; lost < 12; lost++) {
        const { transfer } = await startTransfer(blocks * 512 - 1, { windowsize: `${windowsize}` });
        const sent = readEagerly(transfer, windowsize, lost);
        assert.equal(transfer.outcome?.type, 'complete');
        assert.ok(sent <= blocks + 2 * windowsize, `${sent} sent when ACK ${lost} is lost`);
      }
    });
  }

  test('that is read again gives the same, in netascii too', async () => {
    const { server: tftp } = serverOf({ text: Uint8Array.from(Buffer.from('\n\r'.repeat(40))) });
    const request = readRequest('text', { blksize: '9', windowsize: '4' }, 'netascii');
    const { transfer } = accepted(await tftp.receive(request, client));
    transfer.start(0);
    const sent = transfer.receive(ack(0), 0);
    assert.equal(sent.length, 4);
    assert.deepEqual(transfer.poll(1000), sent);
  });

  test('repeats ever more slowly what is not acknowledged, and gives the client up', async () => {
    const { transfer } = await startTransfer(5000);
    const times: number[] = [];
    let last: string[] = [];
    while (transfer.deadline !== undefined) {
      const now = transfer.deadline;
      times.push(now);
      assert.deepEqual(transfer.poll(now - 1), []);
      last = names(transfer.poll(now));
    }
    assert.deepEqual(times, [1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000]);
    assert.deepEqual(last, ['ERROR 0']);
    assert.ok(transfer.outcome?.type === 'failed');
    assert.equal((transfer.outcome.error as { code: string }).code, 'TFTP_TIMEOUT');
  });

  test('bears with a client that asks for the same again, as on a slow network, until a minute has brought nothing', async () => {
    const { transfer } = await startTransfer(100_000, { windowsize: '2' });
    transfer.receive(ack(0), 0);
    transfer.receive(ack(2), 1000);
    let now = 1000;
    while (transfer.outcome === undefined && now < 100_000) {
      now += 50;
      transfer.receive(ack(2), now);
      transfer.poll(now);
    }
    assert.ok(transfer.outcome?.type === 'failed' && transfer.outcome.error instanceof DisklessError);
    assert.equal(transfer.outcome.error.code, 'TFTP_TIMEOUT');
    assert.ok(now >= 61_000 && now < 61_300, `given up at ${now} ms`);
  });

  test('keeps to the timeout that the client wants', async () => {
    const { transfer } = await startTransfer(5000, { timeout: '7' });
    assert.equal(transfer.deadline, 7000);
    assert.deepEqual(names(transfer.poll(7000)), ['OACK timeout 7']);
    assert.equal(transfer.deadline, 14_000);
  });

  test('is ended by an error of the client, and by what is no TFTP', async () => {
    const { transfer } = await startTransfer(5000);
    const abort = encodePacket({ opcode: Opcode.error, code: 8, message: 'size known' });
    assert.deepEqual(transfer.receive(abort, 1), []);
    assert.deepEqual(transfer.outcome, { type: 'aborted', code: 8, message: 'size known' });
    const other = (await startTransfer(5000)).transfer;
    assert.deepEqual(names(other.receive(new Uint8Array(3), 1)), ['ERROR 4']);
    assert.equal(other.outcome?.type, 'failed');
  });

  test('of more than 4 GiB names its size and reads beyond 4 GiB', async () => {
    const size = 2 ** 32 + 100;
    // Only the places matter: each block begins with the one it was read from.
    const block = new Uint8Array(65_464);
    const read = (offset: number, length: number) => {
      new DataView(block.buffer).setFloat64(0, offset);
      return block.subarray(0, Math.min(length, size - offset));
    };
    const tftp = new TftpServer({ open: () => ({ size, read }) });
    const request = readRequest('file', { tsize: '0', blksize: '65464', windowsize: '4' });
    const { transfer } = accepted(await tftp.receive(request, client));
    assert.deepEqual(names(transfer.start(0)), [`OACK tsize ${size} blksize 65464 windowsize 4`]);
    let sent = transfer.receive(ack(0), 0);
    let place = 0;
    while (transfer.outcome === undefined) {
      let last = 0;
      for (const bytes of sent) {
        const packet = decodePacket(bytes);
        assert.ok(packet.opcode === Opcode.data);
        assert.equal(new DataView(packet.data.buffer, packet.data.byteOffset).getFloat64(0), place);
        place += packet.data.length;
        last = packet.block;
      }
      sent = transfer.receive(ack(last), 0);
    }
    assert.deepEqual([place, transfer.acknowledged, transfer.outcome], [size, size, { type: 'complete' }]);
  });

  test('whose file cannot be read ends with an error', async () => {
    const file = { size: 2000, read: () => assert.fail('bad sector') };
    const tftp = new TftpServer({ open: () => file });
    const { transfer } = accepted(await tftp.receive(readRequest('file'), client));
    assert.deepEqual(names(transfer.start(0)), ['ERROR 0']);
    assert.equal(transfer.outcome?.type, 'failed');
  });

  test('in netascii turns line ends, also where a block ends between CR and LF', async () => {
    const { server: tftp } = serverOf({ text: Uint8Array.from(Buffer.from('ab\ncd\re\n\n')) });
    const { transfer } = accepted(
      await tftp.receive(readRequest('text', { blksize: '8', tsize: '0' }, 'netascii'), client),
    );
    assert.deepEqual(names(transfer.start(0)), ['OACK blksize 8'], 'no tsize: the length changes');
    const blocks: string[] = [];
    let packets = transfer.receive(ack(0), 0);
    while (packets.length > 0) {
      const packet = decodePacket(packets[0] ?? new Uint8Array());
      assert.ok(packet.opcode === Opcode.data);
      blocks.push(Buffer.from(packet.data).toString('latin1'));
      packets = transfer.receive(ack(packet.block), 0);
    }
    assert.deepEqual(blocks, ['ab\r\ncd\r\0', 'e\r\n\r\n']);
  });
});
