/** The server and clients that ask for authenticated DHCP (RFC 3118 §5.6). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  authenticationRequest,
  checkDatagram,
  signDatagram,
  unsignedAuthentication,
} from '../../src/dhcp/authentication.ts';
import type { AuthenticationKeyEntry } from '../../src/dhcp/authentication-file.ts';
import { type DhcpMessage, encodeMessage, MessageType, Option } from '../../src/dhcp/index.ts';
import { anywhere, discover, ip, mac, request, select, TestServer } from './support.ts';

const shared: AuthenticationKeyEntry = { secretIdentifier: 1, secret: Buffer.alloc(16, 1), client: undefined };
const own: AuthenticationKeyEntry = { secretIdentifier: 2, secret: Buffer.alloc(16, 2), client: mac(2) };
const forged: AuthenticationKeyEntry = { secretIdentifier: 1, secret: Buffer.alloc(16, 9), client: undefined };

class Conversation {
  readonly server = new TestServer({ authenticationKeys: [shared, own] });
  /** The last datagram that was sent. */
  last: Uint8Array = new Uint8Array();
  #counter = 0n;

  async send(datagram: Uint8Array): Promise<Uint8Array | undefined> {
    this.last = datagram;
    return (await this.server.server.receive(datagram, anywhere, this.server.now))?.data;
  }

  /** A message that asks for proof and gives none. */
  async asking(message: DhcpMessage): Promise<Uint8Array | undefined> {
    this.#counter += 1n;
    message.options.setRaw(Option.authentication.code, authenticationRequest(this.#counter));
    return await this.send(encodeMessage(message));
  }

  signed(message: DhcpMessage, key: AuthenticationKeyEntry): Uint8Array {
    this.#counter += 1n;
    message.options.setRaw(Option.authentication.code, unsignedAuthentication(key, this.#counter));
    const datagram = encodeMessage(message);
    signDatagram(datagram, key);
    return datagram;
  }

  async refuses(datagram: Uint8Array): Promise<void> {
    assert.equal(await this.send(datagram), undefined);
    const last = this.server.events.at(-1);
    assert.equal(last?.type === 'ignored' ? last.reason : last?.type, 'not-authenticated');
  }
}

function proofOf(datagram: Uint8Array | undefined, key: AuthenticationKeyEntry): bigint {
  assert.ok(datagram, 'no answer');
  const authenticity = checkDatagram(datagram, (identifier) => (identifier === key.secretIdentifier ? key : undefined));
  assert.equal(authenticity.kind, 'proven');
  return authenticity.kind === 'proven' ? authenticity.replayDetection : 0n;
}

const address = ip('192.0.2.12');

describe('a server with keys', () => {
  test('proves OFFER, ACK, NAK and the answer to INFORM to who asks, with a rising counter (RFC 3118 §5.6)', async () => {
    const talk = new Conversation();
    const elsewhere = request({ type: MessageType.request, fields: { ciaddr: ip('198.51.100.9') } });
    const inform = request({ type: MessageType.inform, fields: { ciaddr: address } });
    const counters = [
      proofOf(await talk.asking(discover()), shared),
      proofOf(await talk.send(talk.signed(select(address), shared)), shared),
      proofOf(await talk.send(talk.signed(elsewhere, shared)), shared),
      proofOf(await talk.asking(inform), shared),
    ];
    assert.deepEqual(
      counters,
      counters.toSorted((one, next) => Number(one - next)),
    );
    assert.equal(new Set(counters).size, 4);
    assert.equal(talk.server.leases.leaseAt(address)?.clientKey, mac(1));
  });

  test('discards what does not hold: another secret, a changed byte, an old counter, a REQUEST without proof (RFC 3118 §5.3)', async () => {
    const talk = new Conversation();
    await talk.refuses(talk.signed(select(address), forged));
    const changed = talk.signed(select(address), shared);
    changed[8] = 1;
    await talk.refuses(changed);
    assert.equal(await talk.asking(select(address)), undefined);
    assert.equal(talk.server.leases.leaseAt(address), undefined);
    assert.ok(await talk.send(talk.signed(select(address), shared)));
    await talk.refuses(talk.last);
  });

  test('a client with a key of its own is not answered without it, and nobody acts in its name', async () => {
    const talk = new Conversation();
    await talk.refuses(encodeMessage(discover(mac(2))));
    proofOf(await talk.asking(discover(mac(2))), own);
    proofOf(await talk.send(talk.signed(select(address, mac(2)), own)), own);
    const release = () => request({ type: MessageType.release, from: mac(2), fields: { ciaddr: address } });
    await talk.refuses(encodeMessage(release()));
    await talk.refuses(talk.signed(release(), shared));
    await talk.refuses(talk.signed(discover(mac(3)), own));
    assert.equal(talk.server.leases.leaseAt(address)?.state, 'bound');
    await talk.send(talk.signed(release(), own));
    assert.equal(talk.server.leases.leaseAt(address)?.state, 'released');
  });

  test('a client that asks for nothing gets an answer without proof', async () => {
    const talk = new Conversation();
    const answer = await talk.send(encodeMessage(discover(mac(3))));
    assert.ok(answer);
    assert.equal(checkDatagram(answer, () => shared).kind, 'absent');
  });

  test('what the relay agent added is no part of the proof (RFC 3118 §5.2)', async () => {
    const talk = new Conversation();
    const message = discover();
    message.options.setRaw(Option.relayAgentInformation.code, Uint8Array.of(1, 2, 0, 1));
    proofOf(await talk.asking({ ...message, giaddr: ip('192.0.2.200') }), shared);
  });
});
