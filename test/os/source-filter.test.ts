import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4Address } from '../../src/bytes/index.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { sourceFilter } from '../../src/os/source-filter.ts';

const ip = (text: string) => text as Ipv4Address;
const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The kernel's classic BPF, as far as the filter goes; true when the datagram is let through. */
function passes(program: Uint8Array, sender: string): boolean {
  const view = new DataView(program.buffer);
  const header = new DataView(new ArrayBuffer(20));
  for (const [index, byte] of sender.split('.').entries()) header.setUint8(12 + index, Number(byte));
  let loaded = 0;
  for (let at = 0; at < program.length; at += 8) {
    const number = view.getUint32(at + 4, little);
    switch (view.getUint16(at, little)) {
      case 0x20:
        loaded = header.getUint32(number - 0xfff0_0000);
        break;
      case 0x15:
        at += 8 * view.getUint8(at + (loaded === number ? 2 : 3));
        break;
      case 0x06:
        return number > 0;
      default:
        assert.fail('not an instruction of this filter');
    }
  }
  return assert.fail('the program has no end');
}

test('a filter drops what comes from its addresses, and nothing else', () => {
  const dropped = [ip('192.0.2.1'), ip('198.51.100.255'), ip('10.0.0.1')];
  for (const count of [0, 1, 2, 3]) {
    const program = sourceFilter(dropped.slice(0, count));
    for (const [index, address] of dropped.entries()) assert.equal(passes(program, address), index >= count);
    assert.ok(passes(program, '192.0.2.2'));
  }
});

test('the kernel takes the filter', async () => {
  await using receiver = await nodeNetwork.openUdp({ interface: 'lo', port: 0, notFrom: [ip('127.0.0.1')] });
  const { promise, resolve } = Promise.withResolvers<string>();
  receiver.start({
    message: (data) => resolve(Buffer.from(data).toString()),
    error: (error) => assert.fail(error),
  });
  const there = { address: '127.0.0.1', port: receiver.local.port };
  await using senders = new AsyncDisposableStack();
  for (const address of ['127.0.0.1', '127.0.0.2']) {
    const sender = senders.use(await nodeNetwork.openUdp({ address, port: 0 }));
    sender.start({ message: () => {}, error: (error) => assert.fail(error) });
    sender.send(Buffer.from(`from ${address}`), there);
  }
  assert.equal(await promise, 'from 127.0.0.2');
});
