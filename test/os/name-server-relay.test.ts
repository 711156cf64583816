/** A name server that is asked by way of loopback, as Node's resolver would forget the zone of its address. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { relayToNameServer } from '../../src/os/name-server-relay.ts';

/** One A record (RFC 1035 §4.1) to every question. */
function answerTo(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const answer = Buffer.from(question.subarray(0, end));
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  answer.writeUInt16BE(0, 10);
  return Buffer.concat([answer, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 5])]);
}

/** What is being closed is so at the end of a turn of the loop. */
async function openSockets(): Promise<number> {
  await setImmediate();
  await setImmediate();
  return process.getActiveResourcesInfo().filter((each) => each === 'UDPWrap').length;
}

test('questions and answers are passed on, and nothing is left open', async () => {
  const server = createSocket('udp6').bind(0, '::1');
  await once(server, 'listening');
  server.on('message', (question, { port, address }) => {
    // Neither a message without an identifier nor an answer to nobody is passed on.
    server.send(Uint8Array.of(1), port, address);
    const stray = Buffer.from(answerTo(question));
    stray.writeUInt16BE(stray.readUInt16BE(0) ^ 1, 0);
    server.send(stray, port, address);
    server.send(answerTo(question), port, address);
  });
  {
    using relay = await relayToNameServer({ address: '::1%lo', port: server.address().port });
    const resolver = new Resolver({ timeout: 5000, tries: 1 });
    resolver.setServers([relay.address]);
    assert.deepEqual(await resolver.resolve4('boot.example.com'), ['192.0.2.5']);
    assert.deepEqual(await resolver.resolve4('disk.example.com'), ['192.0.2.5']);
  }
  server.close();
  assert.equal(await openSockets(), 0);
});

test('a zone that is not there is an error, and leaves nothing open', async () => {
  await assert.rejects(relayToNameServer({ address: 'fe80::53%nosuch0', port: 53 }));
  assert.equal(await openSockets(), 0);
});
