/** A client that believes only servers that prove a key (RFC 3118 §5.5). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type AuthenticationKey,
  authenticationRequest,
  checkDatagram,
  type DhcpClientOptions,
  decodeMessage,
  encodeMessage,
  MessageType,
  Option,
  signDatagram,
  unsignedAuthentication,
} from '../../src/dhcp/index.ts';
import { ip } from './support.ts';
import { type ReplyFields, reply, rootPath, TestClient } from './test-client.ts';

const key: AuthenticationKey = { secretIdentifier: 7, secret: Buffer.from('a-secret-of-16-bytes-or-more') };
const other: AuthenticationKey = { secretIdentifier: 8, secret: Buffer.from('another-secret-of-16-bytes') };
const clientIdentifier = Uint8Array.of(1, 0x52, 0x54, 0, 0, 0, 1);
const epoch = Date.UTC(2026, 0, 1);

/** A client, and a server that signs with a counter. */
class Pair extends TestClient {
  #counter = 0n;

  constructor(options: Partial<DhcpClientOptions> = {}) {
    super({ clientIdentifier, authentication: { keys: [key, other], now: () => epoch }, ...options });
  }

  signed(fields: ReplyFields, by = key, counter = ++this.#counter): Uint8Array {
    const message = decodeMessage(reply(this.sent, fields));
    message.options.setRaw(Option.authentication.code, unsignedAuthentication(by, counter));
    const datagram = encodeMessage(message);
    signDatagram(datagram, by);
    return datagram;
  }

  answerSigned(fields: ReplyFields, by = key): string[] {
    return this.receive(this.signed(fields, by));
  }

  /** The secret ID that the last datagram of the client proves. */
  get proof(): number | string {
    const last = this.actions.findLast(({ type }) => type === 'send');
    assert.ok(last?.type === 'send');
    const keys = [key, other];
    const authenticity = checkDatagram(last.datagram.data, (id) => keys.find((each) => each.secretIdentifier === id));
    return authenticity.kind === 'proven' ? authenticity.key.secretIdentifier : authenticity.kind;
  }
}

const offer: ReplyFields = { type: MessageType.offer, rootPath };
const ack: ReplyFields = { type: MessageType.ack, rootPath };

describe('a client that asks for proof', () => {
  test('asks with its identifier, and signs with the key of the server (RFC 3118 §5.5.1)', () => {
    const client = new Pair();
    const asked = client.sent.options;
    assert.deepEqual(asked.raw(Option.clientIdentifier.code), clientIdentifier);
    assert.deepEqual(asked.raw(Option.authentication.code)?.subarray(0, 3), authenticationRequest(0n).subarray(0, 3));
    assert.equal(client.proof, 'request');
    assert.deepEqual(client.answerSigned(offer, other), ['offer', 'REQUEST']);
    assert.equal(client.proof, 8);
    assert.deepEqual(client.answerSigned(ack, other), ['bound']);
    assert.equal(client.lease.key?.secretIdentifier, 8);
  });

  test('declines offers that prove nothing, and says so in the end (RFC 3118 §5.5.1)', () => {
    const client = new Pair({ timeout: 10_000 });
    assert.deepEqual(client.answer(offer), ['discarded']);
    const stranger = { secretIdentifier: 7, secret: Buffer.from('not-the-secret-of-7') };
    assert.deepEqual(client.answerSigned(offer, stranger), ['discarded']);
    assert.deepEqual(client.answerSigned({ ...offer, type: undefined }, stranger), ['discarded'], 'BOOTP');
    assert.equal(client.client.state, 'selecting');
    while (client.last?.type !== 'failed') client.next();
    assert.equal(client.last.error.code, 'DHCP_AUTH_FAILED');
    assert.match(client.last.error.message, /wrong code for the key 7/);
  });

  test('takes the proven offer of several', () => {
    const client = new Pair();
    client.answer({ ...offer, server: '192.0.2.66' });
    client.answerSigned({ type: MessageType.offer });
    assert.deepEqual(client.next(), ['REQUEST']);
    assert.equal(client.sent.options.get(Option.serverIdentifier), '192.0.2.1');
  });

  test('a datagram that came before proves nothing (RFC 3118 §2, erratum 3474)', () => {
    const client = new Pair();
    const counted = client.signed({ type: MessageType.offer }, key, 50n);
    assert.deepEqual(client.receive(counted), ['offer']);
    assert.deepEqual(client.receive(counted), ['discarded']);
    assert.deepEqual(client.receive(client.signed(offer, key, 49n)), ['discarded']);
    const another = client.signed({ ...offer, server: '192.0.2.9' }, key, 49n);
    assert.deepEqual(client.receive(another), ['offer', 'chosen', 'REQUEST'], 'each server counts for itself');
  });

  test('an ACK that does not prove itself sends it back to the beginning (RFC 3118 §5.5.1)', () => {
    const client = new Pair();
    client.answerSigned(offer);
    assert.deepEqual(client.answer({ ...ack, server: '192.0.2.66' }), ['discarded']);
    assert.equal(client.client.state, 'requesting', 'of another server');
    assert.deepEqual(client.answer(ack), ['discarded']);
    assert.equal(client.client.state, 'init');
    assert.deepEqual(client.next(), ['DISCOVER']);
    assert.equal(client.proof, 'request');
  });

  test('a NAK that proves nothing ends nothing', () => {
    const client = new Pair();
    client.answerSigned(offer);
    assert.deepEqual(client.answer({ type: MessageType.nak }), ['discarded']);
    assert.equal(client.client.state, 'requesting');
    assert.deepEqual(client.answerSigned({ type: MessageType.nak }), ['nak']);
  });

  test('signs what it sends later, with a counter that rises (RFC 3118 §5.5.3, §5.5.4, §5.5.6)', () => {
    const client = new Pair();
    client.answerSigned(offer);
    client.answerSigned(ack);
    assert.deepEqual(client.next(), ['REQUEST']);
    assert.equal(client.proof, 7);
    assert.deepEqual(client.answer(ack), ['discarded']);
    assert.equal(client.client.state, 'renewing', 'as if no ACK had come');
    assert.deepEqual(client.answerSigned(ack), ['renewed']);
    const [release] = client.client.release();
    assert.ok(release?.type === 'send');
    assert.equal(checkDatagram(release.datagram.data, () => key).kind, 'proven');
    const counters = [...client.actions, release].flatMap((action) =>
      action.type === 'send' ? [action.message.options.raw(Option.authentication.code)?.subarray(3, 11)] : [],
    );
    assert.equal(counters.length, 4);
    for (let at = 1; at < counters.length; at++) {
      assert.ok(Buffer.compare(counters[at - 1] ?? Buffer.of(), counters[at] ?? Buffer.of()) < 0, `message ${at}`);
    }
  });

  test('confirms an earlier address with its first key, and INFORM asks like DISCOVER (RFC 3118 §5.5.2, §5.5.5)', () => {
    assert.equal(new Pair({ previousAddress: ip('192.0.2.10') }).proof, 7);
    const inform = new Pair({ question: { kind: 'inform', address: ip('192.0.2.77') } });
    assert.equal(inform.proof, 'request');
    assert.deepEqual(inform.answer({ ...ack, yiaddr: '0.0.0.0' }), ['discarded']);
    assert.deepEqual(inform.answerSigned({ ...ack, yiaddr: '0.0.0.0' }), ['offer', 'bound']);
  });
});
