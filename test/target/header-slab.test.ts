import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TcpConnection } from '../../src/os/network.ts';
import { HeaderSlab } from '../../src/target/header-slab.ts';
import { PduSender } from '../../src/target/pdu-sender.ts';

/** More than a slab has. */
const MANY = 150;

test('headers are empty, and none is another', () => {
  const slab = new HeaderSlab();
  const headers = Array.from({ length: MANY }, (_, index) => slab.take().fill(index + 1));
  for (const [index, header] of headers.entries()) assert.deepEqual(header, Buffer.alloc(48, index + 1));
  assert.deepEqual(slab.take(), Buffer.alloc(48));
});

test('what the kernel has is filled again, and is empty', () => {
  const slab = new HeaderSlab();
  const first = slab.take().fill(1);
  slab.take().fill(2);
  slab.reuse();
  assert.equal(slab.take(), first);
  assert.deepEqual(first, Buffer.alloc(48));
  assert.deepEqual(slab.take(), Buffer.alloc(48));
});

/** A socket whose kernel takes what it has been given when it is told to. */
class Socket implements TcpConnection {
  readonly local = { address: '192.0.2.1', port: 3260 };
  readonly remote = { address: '192.0.2.2', port: 40_000 };
  readonly waiting: Uint8Array[] = [];
  readonly sent: Buffer[] = [];
  isFull = false;

  get bufferedBytes(): number {
    return this.waiting.reduce((sum, { length }) => sum + length, 0);
  }
  write(chunk: Uint8Array): boolean {
    this.waiting.push(chunk);
    return true;
  }
  flush(): void {
    if (!this.isFull) this.sent.push(...this.waiting.splice(0).map((chunk) => Buffer.from(chunk)));
  }
  hold(): void {}
  start(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

function send(sender: PduSender, tag: number): Uint8Array {
  const header = sender.newHeader();
  header[16] = tag;
  sender.send(header);
  return header;
}

test('a header does not change before the kernel has it', () => {
  const socket = new Socket();
  const sender = new PduSender(socket);
  const first = send(sender, 1);
  sender.flush();
  assert.equal(send(sender, 2), first);
  sender.flush();
  socket.isFull = true;
  for (let tag = 3; tag < MANY; tag++) {
    send(sender, tag);
    if (tag % 10 === 0) sender.flush();
  }
  socket.isFull = false;
  sender.flush();
  const tags = socket.sent.map((header) => header[16]);
  assert.deepEqual(
    tags,
    Array.from({ length: MANY - 1 }, (_, index) => index + 1),
  );
});

test('connections fill the same headers one after the other, and none that the kernel of another does not have yet', () => {
  const [slow, quick] = [new Socket(), new Socket()];
  const [slowSender, quickSender] = [new PduSender(slow), new PduSender(quick)];
  slow.isFull = true;
  const waiting = send(slowSender, 1);
  slowSender.flush();
  const other = send(quickSender, 2);
  assert.notEqual(other, waiting);
  quickSender.flush();
  assert.equal(waiting[16], 1);
  slow.isFull = false;
  slowSender.flush();
  assert.equal(send(quickSender, 3), waiting, 'the one that was used last');
  assert.equal(waiting[16], 3);
});

test('a header that is kept to be sent again is not filled again', () => {
  const sender = new PduSender(new Socket());
  const kept: Uint8Array[] = [];
  sender.retain({ keep: (header) => void kept.push(header) });
  for (let tag = 1; tag < MANY; tag++) {
    send(sender, tag);
    sender.flush();
  }
  assert.deepEqual(
    kept.map((header) => header[16]),
    Array.from({ length: MANY - 1 }, (_, index) => index + 1),
  );
});
