import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type AuthenticationKey,
  authenticationRequest,
  checkDatagram,
  dhcpMessage,
  encodeMessage,
  keysOfClient,
  Option,
  OptionList,
  parseAuthenticationFile,
  ReplayCounters,
  signDatagram,
  unsignedAuthentication,
} from '../../src/dhcp/index.ts';
import { capture } from './captures.ts';
import { ip, mac, request, select } from './support.ts';

const key: AuthenticationKey = { secretIdentifier: 7, secret: Buffer.from('a-secret-of-16-bytes-or-more') };
const keyOf = (secretIdentifier: number) => (secretIdentifier === 7 ? key : undefined);
const counter = 0xe8f1a2b300000001n;

/** The code was computed by Python's hmac module. */
const signed = capture(`
  01 01 06 00  # op, htype, hlen, hops
  3903f326  # xid
  0000  # secs
  8000  # flags
  00*16  # ciaddr, yiaddr, siaddr, giaddr
  525400123456 00*10  # chaddr
  00*192  # sname, file
  63825363  # magic cookie
  35 01 03  # 53 message type
  32 04 c0000232  # 50 requested address
  5a 1f 01 01 00 e8f1a2b300000001 00000007 ecad316a55c2de1823f8414ce0409e25  # 90 authentication
  ff  # end
  00*17  # padding of BOOTP
`);
const optionField = 240;
const authenticationAt = optionField + 9;

/** The signed request as a relay agent passes it on: it counts a hop, says who it is, and puts its option before the end. */
function relayed(datagram: Uint8Array, information: number, least = 300): Uint8Array {
  const end = authenticationAt + 33;
  const added = Uint8Array.from([82, information, ...new Uint8Array(information).fill(0xaa), 255]);
  const passed = new Uint8Array(Math.max(least, end + added.length));
  passed.set(datagram.subarray(0, end));
  passed.set(added, end);
  passed[3] = 1;
  passed.set([192, 0, 2, 254], 24);
  return passed;
}

describe('delayed authentication of a message', () => {
  test('asks for it with eleven bytes (RFC 3118 §5.2)', () => {
    assert.deepEqual(authenticationRequest(counter), capture('01 01 00 e8f1a2b300000001'));
  });

  test('signs as another program does (RFC 3118 §5.2)', () => {
    const unsigned = signed.slice();
    unsigned.fill(0, authenticationAt + 17, authenticationAt + 33);
    assert.deepEqual(
      unsigned.subarray(authenticationAt + 2, authenticationAt + 33),
      unsignedAuthentication(key, counter),
    );
    signDatagram(unsigned, key);
    assert.deepEqual(unsigned, signed);
  });

  test('believes what is signed with a known key, and nothing else (RFC 3118 §5.3)', () => {
    assert.deepEqual(checkDatagram(signed, keyOf), { kind: 'proven', key, replayDetection: counter });
    const other = { ...key, secret: Buffer.from('another-secret-of-16-bytes') };
    assert.deepEqual(checkDatagram(signed, () => other).kind, 'refuted');
    assert.deepEqual(checkDatagram(signed, () => undefined).kind, 'refuted');
    assert.deepEqual(checkDatagram(encodeMessage(select(ip('192.0.2.50'))), keyOf), { kind: 'absent' });
  });

  test('leaves a datagram in a socket’s Buffer as it is', () => {
    const received = Buffer.from(signed);
    assert.equal(checkDatagram(received, keyOf).kind, 'proven');
    assert.deepEqual(new Uint8Array(received), signed);
  });

  test('a change of any byte is noticed, but for hops and giaddr (RFC 3118 §3)', () => {
    for (let at = 0; at < signed.length; at++) {
      const changed = signed.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      const free = at === 3 || (at >= 24 && at < 28);
      assert.equal(checkDatagram(changed, keyOf).kind === 'proven', free, `byte ${at}`);
    }
  });

  test('the option of a relay agent is left out, whether it fits the padding or not (RFC 3118 §3)', () => {
    for (const information of [4, 15, 16, 200]) {
      assert.equal(checkDatagram(relayed(signed, information), keyOf).kind, 'proven', `${information} bytes`);
    }
    const forged = relayed(signed, 4);
    forged[optionField + 5] = 9;
    assert.equal(checkDatagram(forged, keyOf).kind, 'refuted');
  });

  test('a reply with a relay agent’s option is signed as the client sees it without (RFC 3118 §3)', () => {
    const reply = relayed(signed, 20);
    reply.fill(0, authenticationAt + 17, authenticationAt + 33);
    signDatagram(reply, key);
    const code = (bytes: Uint8Array) => bytes.subarray(authenticationAt + 17, authenticationAt + 33);
    assert.deepEqual(code(reply), code(signed));
  });

  test('it is found in an overloaded field as well (RFC 2132 §9.3)', () => {
    const options = new OptionList().set(Option.messageType, 2).setRaw(200, new Uint8Array(250));
    options.setRaw(201, new Uint8Array(30)).setRaw(Option.authentication.code, unsignedAuthentication(key, 5n));
    const datagram = encodeMessage(dhcpMessage({ op: 2, options }), { longest: 548 });
    signDatagram(datagram, key);
    assert.equal(checkDatagram(datagram, keyOf).kind, 'proven');
  });

  test('other protocols, methods and lengths are refuted, and so is a second option', () => {
    const value = (bytes: Uint8Array) =>
      checkDatagram(encodeMessage(request({ type: 1, options: (list) => list.setRaw(90, bytes) })), keyOf);
    assert.deepEqual(value(authenticationRequest(9n)), { kind: 'request', replayDetection: 9n });
    assert.match(reasonOf(value(capture('00 00 00 0000000000000009 746f6b656e'))), /protocol 0/);
    assert.match(reasonOf(value(capture('01 02 00 0000000000000009'))), /algorithm 2/);
    assert.match(reasonOf(value(capture('01 01 01 0000000000000009'))), /method 1/);
    assert.match(reasonOf(value(capture('01 01 00 0000000000000009 00'))), /12 bytes/);
    assert.match(reasonOf(value(capture('01 01 00'))), /does not parse/);
    const twice = signed.slice();
    twice.set([90, 11, ...authenticationRequest(9n)], authenticationAt + 33);
    assert.match(reasonOf(checkDatagram(twice, keyOf)), /twice/);
  });

  test('any bytes raise nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const datagram = signed.slice();
        datagram.set(noise.subarray(0, 60), optionField);
        checkDatagram(datagram, keyOf);
        checkDatagram(noise, keyOf);
      }),
    );
  });
});

function reasonOf(authenticity: ReturnType<typeof checkDatagram>): string {
  return authenticity.kind === 'refuted' ? authenticity.reason : authenticity.kind;
}

describe('replay detection', () => {
  test('what is sent rises strictly, with the clock or without it (RFC 3118 §2, erratum 3474)', () => {
    const counters = new ReplayCounters(4);
    const moment = Date.UTC(2026, 0, 1);
    const first = counters.next(moment);
    // The NTP era began 25567 days before 1970.
    assert.equal(first >> 32n, BigInt(moment / 1000 + 25567 * 86_400));
    const values = [first, counters.next(moment), counters.next(moment - 5000), counters.next(moment + 1)];
    for (const [index, value] of values.entries()) assert.ok(index === 0 || value > (values[index - 1] ?? value));
  });

  test('the same value twice is a replay, and so is an older one (RFC 3118 §2, erratum 3474)', () => {
    const counters = new ReplayCounters(4);
    assert.equal(counters.advance('a', 5n), true);
    assert.equal(counters.advance('a', 5n), false);
    assert.equal(counters.advance('a', 4n), false);
    assert.equal(counters.advance('b', 4n), true);
    assert.equal(counters.advance('a', 6n), true);
  });

  test('the counters of the peer that was silent longest make room', () => {
    const counters = new ReplayCounters(2);
    for (const [peer, value] of [
      ['a', 1n],
      ['b', 1n],
      ['a', 2n],
      ['c', 1n],
    ] as const) {
      assert.equal(counters.advance(peer, value), true);
    }
    assert.equal(counters.advance('a', 2n), false, 'a spoke lately');
    assert.equal(counters.advance('b', 1n), true, 'b is forgotten');
  });
});

describe('the file of keys', () => {
  const path = 'keys';

  test('has keys for one client and for any', () => {
    const entries = parseAuthenticationFile(
      `# keys\n\nkey 1 a secret with blanks\nclient 52-54-00-00-00-01 4294967295 hex:${'5a'.repeat(16)}\n`,
      path,
    );
    assert.deepEqual(
      entries.map(({ secretIdentifier, client }) => [secretIdentifier, client]),
      [
        [1, undefined],
        [0xffff_ffff, mac(1)],
      ],
    );
    assert.equal(Buffer.from(entries[0]?.secret ?? []).toString(), 'a secret with blanks');
    assert.deepEqual(entries[1]?.secret, Buffer.alloc(16, 0x5a));
    const identifiers = (client: number) => keysOfClient(entries, mac(client)).map((each) => each.secretIdentifier);
    assert.deepEqual(identifiers(1), [0xffff_ffff, 1]);
    assert.deepEqual(identifiers(2), [1]);
  });

  test('says what is wrong with it, and shows no secret', () => {
    const secret = 'sixteen-bytes-or-more';
    const refused: readonly (readonly [string, RegExp])[] = [
      ['', /no key/],
      [`kay 1 ${secret}`, /line 1/],
      [`key 4294967296 ${secret}`, /32 bits/],
      ['key 1 short', /shorter than 16/],
      ['key 1 hex:0g', /pairs of digits/],
      [`client nobody 1 ${secret}`, /hardware address/],
      [`key 1 ${secret}\nkey 1 ${secret}`, /line 2.*already/],
    ];
    for (const [text, message] of refused) {
      assert.throws(
        () => parseAuthenticationFile(text, path),
        (error: Error & { code?: string }) =>
          error.code === 'DHCP_AUTH_FILE_INVALID' && message.test(error.message) && !error.message.includes(secret),
        text,
      );
    }
  });
});
