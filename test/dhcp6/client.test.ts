import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Ipv6Address, MacAddress } from '../../src/bytes/index.ts';
import {
  allRelayAgentsAndServers,
  bootParameter,
  Dhcp6Client,
  type Dhcp6ClientAction,
  type Dhcp6ClientOptions,
  type Dhcp6Lease,
  type Dhcp6Message,
  decodeMessage,
  duidOfMac,
  encodeMessage,
  INFINITY,
  MessageType,
  messageTypeName,
  Option,
  OptionList,
  StatusCode,
} from '../../src/dhcp6/index.ts';

const duid = duidOfMac('52:54:00:12:34:56' as MacAddress);
const server = (number: number) => duidOfMac(`02:00:00:00:00:0${number}` as MacAddress);
const url = 'iscsi:[2001:db8::1]::::iqn.2024-01.com.example:disk';
const iaid = 7;
const ip = (text: string) => text as Ipv6Address;

interface Given {
  readonly address?: string;
  readonly preferred?: number;
  readonly valid?: number;
  readonly t1?: number;
  readonly t2?: number;
  /** In the IA. */
  readonly status?: number;
}

interface AnswerFields {
  readonly type: number;
  readonly server?: Uint8Array;
  /** What is in the IA; without it there is none. */
  readonly gives?: readonly Given[];
  readonly options?: (list: OptionList) => unknown;
}

/** A server's answer to what the client sent last. */
function answer({ transactionId, options: asked }: Dhcp6Message, fields: AnswerFields): Dhcp6Message {
  const options = new OptionList();
  options.appendRaw(Option.clientIdentifier.code, asked.raw(Option.clientIdentifier.code) ?? new Uint8Array(0));
  options.set(Option.serverIdentifier, fields.server ?? server(1));
  if (fields.gives !== undefined) options.append(Option.iaNa, association(fields.gives));
  fields.options?.(options);
  return { type: fields.type, transactionId, options };
}

function association(gives: readonly Given[]) {
  const options = new OptionList();
  for (const { address = '2001:db8::100', preferred = 3000, valid = 4000, status } of gives) {
    if (status !== undefined) options.set(Option.statusCode, { code: status, message: '' });
    else {
      const lifetimes = { preferredLifetime: preferred, validLifetime: valid };
      options.append(Option.iaAddress, { address: ip(address), ...lifetimes, options: new OptionList() });
    }
  }
  return { iaid, t1: gives[0]?.t1 ?? 1000, t2: gives[0]?.t2 ?? 2000, options };
}

const advertise = (fields: Partial<AnswerFields> = {}) => ({ type: MessageType.advertise, gives: [{}], ...fields });
const reply = (fields: Partial<AnswerFields> = {}) => ({ type: MessageType.reply, gives: [{}], ...fields });

/** A client with its clock, and what it has said. `random` of 0.5 makes no wait differ from its nominal length. */
class TestClient {
  readonly client: Dhcp6Client;
  readonly actions: Dhcp6ClientAction[] = [];
  now = 0;

  constructor(options: Partial<Dhcp6ClientOptions> = {}, random = () => 0.5) {
    const settings = { duid, iaid, mode: 'stateful', longestDelay: 0, ...options } as const;
    this.client = new Dhcp6Client(settings, random);
    this.note(this.client.start(0));
  }

  note(actions: readonly Dhcp6ClientAction[]): string[] {
    this.actions.push(...actions);
    return actions.map((action) => (action.type === 'send' ? messageTypeName(action.message) : action.type));
  }

  get sent(): Dhcp6Message {
    const last = this.actions.findLast((action) => action.type === 'send');
    assert.ok(last?.type === 'send');
    assert.deepEqual(last.datagram.to, { address: allRelayAgentsAndServers, port: 547 });
    return decodeMessage(last.datagram.data);
  }

  get lease(): Dhcp6Lease {
    const last = this.actions.findLast((action) => action.type === 'bound' || action.type === 'renewed');
    assert.ok(last !== undefined && 'lease' in last, 'no lease');
    return last.lease;
  }

  get error() {
    const last = this.actions.at(-1);
    assert.ok(last?.type === 'failed', `not failed but ${last?.type}`);
    return last.error;
  }

  hear(fields: AnswerFields): string[] {
    return this.note(this.client.receive(encodeMessage(answer(this.sent, fields)), this.now));
  }

  /** Lets time pass until the client does something. */
  wait(): string[] {
    const { deadline } = this.client;
    assert.ok(deadline !== undefined, 'the client waits for nothing');
    this.now = deadline;
    return this.note(this.client.poll(deadline));
  }

  /** Lets the client get an address. */
  bind(fields: Partial<AnswerFields> = {}): this {
    this.hear(advertise());
    this.wait();
    assert.deepEqual(this.hear(reply(fields)), ['bound']);
    return this;
  }
}

function boundFor(gives: readonly Given[]): TestClient {
  return new TestClient().bind({ gives });
}

describe('an exchange of four messages (RFC 8415 §18.2.1, §18.2.2)', () => {
  test('ends with an address and the boot parameters', () => {
    const asking = new TestClient();
    assert.deepEqual(asking.sent.options.get(Option.optionRequest), [23, 24, 59, 60, 17, 82]);
    assert.equal(asking.sent.options.get(Option.elapsedTime), 0);
    assert.deepEqual(asking.hear(advertise({ options: (list) => list.set(Option.bootFileUrl, url) })), ['advertise']);
    assert.deepEqual(asking.wait(), ['REQUEST']);
    assert.deepEqual(asking.sent.options.get(Option.serverIdentifier), server(1));
    assert.deepEqual(asking.hear(reply()), ['bound']);
    assert.deepEqual(asking.lease.addresses, [
      { address: '2001:db8::100', preferredUntil: asking.now + 3_000_000, validUntil: asking.now + 4_000_000 },
    ]);
    // Not in the Reply, but in the Advertise before it.
    assert.equal(bootParameter(asking.lease, Option.bootFileUrl), url);
    assert.equal(asking.lease.reason, 'carries an iscsi: URL');
    assert.equal(asking.client.deadline, asking.now + 1_000_000);
  });

  test('the first wait is longer than a second and for all servers, but a preference of 255 ends it', () => {
    const asking = new TestClient();
    assert.ok((asking.client.deadline ?? 0) > 1000);
    const preferred = advertise({ server: server(2), options: (list) => list.set(Option.preference, 255) });
    assert.deepEqual(asking.hear(advertise()), ['advertise']);
    assert.deepEqual(asking.hear(preferred), ['advertise', 'REQUEST']);
    assert.deepEqual(asking.sent.options.get(Option.serverIdentifier), server(2));
  });

  test('once the first wait is over the first server to answer is taken', () => {
    const asking = new TestClient();
    assert.deepEqual(asking.wait(), ['SOLICIT']);
    assert.deepEqual(asking.hear(advertise()), ['advertise', 'REQUEST']);
  });

  test('of equally preferred servers that which knows the disk is asked, then the others', () => {
    const asking = new TestClient();
    asking.hear(advertise({ server: server(1) }));
    asking.hear(advertise({ server: server(2), options: (list) => list.set(Option.bootFileUrl, 'tftp://[::1]/x') }));
    asking.hear(advertise({ server: server(3), options: (list) => list.set(Option.bootFileUrl, url) }));
    asking.wait();
    const asked: (Uint8Array | undefined)[] = [];
    for (const number of [3, 2, 1]) {
      asked.push(asking.sent.options.get(Option.serverIdentifier));
      asking.hear(reply({ server: server(number), gives: [{ status: StatusCode.noAddrsAvail }] }));
    }
    assert.deepEqual(asked, [server(3), server(2), server(1)]);
    assert.equal(asking.client.state, 'waiting');
    assert.deepEqual(asking.wait(), ['SOLICIT']);
  });

  test('a higher preference comes before what a server knows of the disk (RFC 8415 §18.2.9)', () => {
    const asking = new TestClient();
    asking.hear(advertise({ server: server(1), options: (list) => list.set(Option.bootFileUrl, url) }));
    asking.hear(advertise({ server: server(2), options: (list) => list.set(Option.preference, 9) }));
    asking.wait();
    assert.deepEqual(asking.sent.options.get(Option.serverIdentifier), server(2));
    asking.hear(reply({ server: server(2) }));
    assert.equal(asking.lease.reason, 'has the preference 9');
  });

  test('a server that commits itself at once is taken only when it was asked to (RFC 8415 §21.14)', () => {
    const rapid = reply({ options: (list) => list.set(Option.rapidCommit, true) });
    const eager = new TestClient({ rapidCommit: true });
    assert.equal(eager.sent.options.get(Option.rapidCommit), true);
    assert.deepEqual(eager.hear(reply()), []);
    assert.deepEqual(eager.hear(rapid), ['bound']);
    const patient = new TestClient();
    assert.equal(patient.sent.options.has(Option.rapidCommit), false);
    assert.deepEqual(patient.hear(rapid), []);
  });
});

describe('what is no answer is dropped (RFC 8415 §16)', () => {
  const wrong: Record<string, (message: Dhcp6Message) => Dhcp6Message> = {
    'another transaction': (message) => ({ ...message, transactionId: message.transactionId ^ 1 }),
    'no server identifier': (message) => without(message, Option.serverIdentifier.code),
    'no client identifier': (message) => without(message, Option.clientIdentifier.code),
    'another client': (message) => {
      const other = without(message, Option.clientIdentifier.code);
      other.options.set(Option.clientIdentifier, server(5));
      return other;
    },
    'another IA': (message) => {
      const other = without(message, Option.iaNa.code);
      other.options.append(Option.iaNa, { ...association([{}]), iaid: iaid + 1 });
      return other;
    },
    'no address': (message) => without(message, Option.iaNa.code),
    'a Reconfigure': (message) => ({ ...message, type: MessageType.reconfigure }),
    'an address longer preferred than valid': (message) => {
      const other = without(message, Option.iaNa.code);
      other.options.append(Option.iaNa, association([{ preferred: 5000, valid: 4000 }]));
      return other;
    },
  };
  for (const [name, change] of Object.entries(wrong)) {
    test(name, () => {
      const asking = new TestClient();
      const message = change(answer(asking.sent, advertise()));
      assert.deepEqual(asking.note(asking.client.receive(encodeMessage(message), 0)), []);
      assert.equal(asking.client.state, 'soliciting');
    });
  }

  function without(message: Dhcp6Message, code: number): Dhcp6Message {
    const options = new OptionList([...message.options].filter(([each]) => each !== code));
    return { ...message, options };
  }

  test('anything', () => {
    const asking = new TestClient();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.deepEqual(asking.client.receive(bytes, 0), []);
      }),
    );
  });
});

describe('messages are repeated (RFC 8415 §15)', () => {
  test('a Solicit after 1, 2, 4, ... seconds, its elapsed time counting on', () => {
    const asking = new TestClient({ timeout: 1e9 });
    const transactionId = asking.sent.transactionId;
    const times: number[] = [];
    for (let attempt = 0; attempt < 14; attempt++) {
      assert.deepEqual(asking.wait(), ['SOLICIT']);
      times.push(asking.now);
      assert.equal(asking.sent.transactionId, transactionId);
      assert.equal(asking.sent.options.get(Option.elapsedTime), Math.min(0xffff, Math.floor(asking.now / 10)));
    }
    const waits = times.map((time, index) => time - (times[index - 1] ?? 0));
    assert.deepEqual(waits.slice(0, 4), [1050, 2100, 4200, 8400]);
    // SOL_MAX_RT is an hour.
    assert.equal(waits.at(-1), 3_600_000);
  });

  test('every wait is within a tenth of what the standard says', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }), (numbers) => {
        let at = 0;
        const asking = new TestClient({ timeout: 1e9 }, () => numbers[at++ % numbers.length] ?? 0);
        let before = 0;
        let waited = 0;
        for (let attempt = 0; attempt < 8; attempt++) {
          asking.wait();
          const wait = asking.now - before;
          if (attempt === 0) assert.ok(wait > 1000 && wait <= 1100, `${wait}`);
          else assert.ok(wait >= 1.9 * waited - 1e-6 && wait <= 2.1 * waited + 1e-6, `${wait} after ${waited}`);
          [before, waited] = [asking.now, wait];
        }
      }),
    );
  });

  test('no more often than a server says with SOL_MAX_RT (RFC 8415 §21.24)', () => {
    const asking = new TestClient({ timeout: 1e9 });
    // Even in a message that is of no use otherwise; what lies out of bounds is ignored.
    const busy = advertise({ gives: [{ status: StatusCode.noAddrsAvail }] });
    asking.hear({ ...busy, options: (list) => list.set(Option.solMaxRt, 60) });
    asking.hear({ ...busy, options: (list) => list.set(Option.solMaxRt, 59) });
    for (let attempt = 0; attempt < 8; attempt++) asking.wait();
    const before = asking.now;
    asking.wait();
    assert.equal(asking.now - before, 60_000);
  });

  test('the first one waits a random while (RFC 8415 §18.2.1)', () => {
    const asking = new TestClient({ longestDelay: 1000 });
    assert.deepEqual(asking.actions, []);
    assert.deepEqual(asking.wait(), ['SOLICIT']);
    assert.equal(asking.now, 500);
  });

  test('a Request ten times, then another server is looked for', () => {
    const asking = new TestClient({ timeout: 1e9 });
    asking.hear(advertise());
    asking.wait();
    for (let attempt = 1; attempt < 10; attempt++) assert.deepEqual(asking.wait(), ['REQUEST']);
    assert.deepEqual(asking.wait(), ['SOLICIT']);
  });
});

describe('a lease', () => {
  test('is renewed at T1, rebound at T2, and lost when the last address ends (RFC 8415 §18.2.4, §18.2.5)', () => {
    const client = new TestClient().bind();
    const { lease } = client;
    assert.deepEqual(client.wait(), ['RENEW']);
    assert.equal(client.now, lease.renewAt);
    assert.deepEqual(client.sent.options.get(Option.serverIdentifier), server(1));
    const renewals: number[] = [];
    let heard = client.wait();
    while (heard[0] === 'RENEW') {
      renewals.push(client.now);
      heard = client.wait();
    }
    assert.ok(renewals.length > 3);
    assert.deepEqual(heard, ['REBIND']);
    assert.equal(client.now, lease.rebindAt);
    assert.equal(client.sent.options.has(Option.serverIdentifier), false);
    while (heard[0] === 'REBIND') heard = client.wait();
    assert.deepEqual(heard, ['lost']);
    assert.equal(client.now, lease.expiresAt);
    assert.deepEqual(client.wait(), ['SOLICIT']);
  });

  test('is prolonged by the Reply to a Renew and to a Rebind', () => {
    const client = new TestClient().bind();
    client.wait();
    assert.deepEqual(client.hear(reply()), ['renewed']);
    assert.equal(client.lease.renewAt, client.now + 1_000_000);
    client.wait();
    while (client.client.state === 'renewing') client.wait();
    // Another server may answer a Rebind, and is asked from then on.
    assert.deepEqual(client.hear(reply({ server: server(2) })), ['renewed']);
    assert.deepEqual(client.lease.serverIdentifier, server(2));
  });

  test('times that the server leaves open are half and four fifths of the preferred time (RFC 8415 §21.4)', () => {
    const { lease, now } = boundFor([{ t1: 0, t2: 0, preferred: 1000 }]);
    assert.equal(lease.renewAt, now + 500_000);
    assert.equal(lease.rebindAt, now + 800_000);
  });

  test('without end needs no renewal (RFC 8415 §7.7)', () => {
    const client = boundFor([{ t1: INFINITY, t2: INFINITY, preferred: INFINITY, valid: INFINITY }]);
    assert.equal(client.client.deadline, undefined);
    assert.equal(client.lease.expiresAt, Number.POSITIVE_INFINITY);
  });

  test('that the server has forgotten is asked for again at that server (RFC 8415 §18.2.10.1)', () => {
    const client = new TestClient().bind();
    client.wait();
    assert.deepEqual(client.hear(reply({ gives: [{ status: StatusCode.noBinding }] })), ['REQUEST']);
    assert.deepEqual(client.sent.options.get(Option.serverIdentifier), server(1));
    assert.equal(client.sent.options.get(Option.iaNa)?.options.get(Option.iaAddress)?.address, '2001:db8::100');
    assert.deepEqual(client.hear(reply()), ['renewed']);
  });

  test('is lost when the server gives its address a lifetime of 0 (RFC 8415 §18.2.10.1)', () => {
    const client = new TestClient().bind();
    client.wait();
    assert.deepEqual(client.hear(reply({ gives: [{ preferred: 0, valid: 0 }] })), ['lost']);
    assert.deepEqual(client.wait(), ['SOLICIT']);
  });

  test('keeps addresses that a Reply does not mention (RFC 8415 §18.2.10.1)', () => {
    const client = boundFor([{}, { address: '2001:db8::200', valid: 9000 }]);
    assert.equal(client.lease.addresses.length, 2);
    const before = client.lease;
    client.wait();
    client.hear(reply());
    assert.deepEqual(
      client.lease.addresses.map(({ address }) => address),
      ['2001:db8::100', '2001:db8::200'],
    );
    assert.equal(client.lease.expiresAt, before.expiresAt);
  });

  test('is given back, four times at most (RFC 8415 §18.2.7)', () => {
    const told = new TestClient().bind();
    assert.deepEqual(told.note(told.client.release(told.now)), ['RELEASE']);
    // Whatever the server says, it has heard.
    const status = { code: StatusCode.unspecFail, message: '' };
    assert.deepEqual(told.hear(reply({ gives: [], options: (list) => list.set(Option.statusCode, status) })), [
      'released',
    ]);
    assert.equal(told.client.deadline, undefined);

    const untold = new TestClient().bind();
    untold.note(untold.client.release(untold.now));
    for (let attempt = 1; attempt < 4; attempt++) assert.deepEqual(untold.wait(), ['RELEASE']);
    assert.deepEqual(untold.wait(), ['released']);
    assert.equal(untold.client.state, 'stopped');
  });

  test('whose address somebody else has is declined, and another one asked for (RFC 8415 §18.2.8)', () => {
    const client = new TestClient().bind();
    assert.deepEqual(client.note(client.client.decline(client.now)), ['DECLINE']);
    assert.equal(client.sent.options.get(Option.iaNa)?.options.get(Option.iaAddress)?.address, '2001:db8::100');
    assert.deepEqual(client.hear(reply({ gives: [] })), ['declined']);
    assert.deepEqual(client.wait(), ['SOLICIT']);
  });
});

describe('a lease of before is confirmed (RFC 8415 §18.2.3)', () => {
  const previousLease = new TestClient().bind().lease;

  test('and kept when a server says so', () => {
    const client = new TestClient({ previousLease });
    assert.deepEqual(client.sent.type, MessageType.confirm);
    assert.equal(client.sent.options.has(Option.serverIdentifier), false);
    const status = { code: StatusCode.success, message: '' };
    assert.deepEqual(client.hear({ type: MessageType.reply, options: (list) => list.set(Option.statusCode, status) }), [
      'bound',
    ]);
    assert.deepEqual(client.lease.addresses, previousLease.addresses);
  });

  test('and kept when nobody answers for ten seconds', () => {
    const client = new TestClient({ previousLease });
    let heard = client.wait();
    while (heard[0] === 'CONFIRM') heard = client.wait();
    assert.deepEqual(heard, ['bound']);
    assert.equal(client.now, 10_000);
  });

  test('and given up when it belongs to another link', () => {
    const client = new TestClient({ previousLease });
    const status = { code: StatusCode.notOnLink, message: 'elsewhere' };
    const heard = client.hear({ type: MessageType.reply, options: (list) => list.set(Option.statusCode, status) });
    assert.deepEqual(heard, ['refused', 'lost']);
    assert.deepEqual(client.wait(), ['SOLICIT']);
  });
});

describe('information alone (RFC 8415 §18.2.6)', () => {
  const informed = (options?: (list: OptionList) => unknown): AnswerFields => ({
    type: MessageType.reply,
    ...(options === undefined ? {} : { options }),
  });

  test('is asked for without an IA, and asked for again when it is old', () => {
    const client = new TestClient({ mode: 'stateless' });
    assert.equal(client.sent.type, MessageType.informationRequest);
    assert.deepEqual(client.sent.options.get(Option.optionRequest), [23, 24, 59, 60, 17, 32, 83]);
    assert.equal(client.sent.options.has(Option.iaNa), false);
    assert.deepEqual(client.hear(informed((list) => list.set(Option.bootFileUrl, url))), ['informed']);
    const action = client.actions.at(-1);
    assert.ok(action?.type === 'informed');
    assert.equal(bootParameter(action.information, Option.bootFileUrl), url);
    // IRT_DEFAULT is a day.
    assert.equal(client.client.deadline, 86_400_000);
    assert.deepEqual(client.wait(), ['INFORMATION-REQUEST']);
  });

  test('is never asked for more often than every ten minutes (RFC 8415 §21.23)', () => {
    const client = new TestClient({ mode: 'stateless' });
    client.hear(informed((list) => list.set(Option.informationRefreshTime, 1)));
    assert.equal(client.client.deadline, 600_000);
  });
});

describe('where nothing comes of it, one error says why', () => {
  test('nobody answers', () => {
    const client = new TestClient({ timeout: 5000 });
    while (client.client.state !== 'stopped') client.wait();
    assert.equal(client.now, 5000);
    assert.equal(client.error.code, 'DHCP6_NO_ANSWER');
    assert.equal(client.client.deadline, undefined);
  });

  test('a server offers and then is silent', () => {
    const client = new TestClient({ timeout: 5000 });
    client.hear(advertise());
    while (client.client.state !== 'stopped') client.wait();
    assert.equal(client.error.code, 'DHCP6_NO_REPLY');
  });

  test('a server has no address left, whatever it says and how often', () => {
    const client = new TestClient({ timeout: 5000 });
    while (client.client.state !== 'stopped') {
      for (let count = 0; count < 1000; count++) {
        const heard = client.hear(advertise({ gives: [{ status: StatusCode.noAddrsAvail }] }));
        assert.deepEqual(heard, []);
      }
      client.wait();
    }
    assert.equal(client.now, 5000);
    assert.equal(client.error.code, 'DHCP6_REFUSED');
    assert.match(client.error.message, /status 2/);
  });

  test('a server refuses what it has advertised, again and again', () => {
    const client = new TestClient({ timeout: 5000 });
    let messages = 0;
    while (client.client.state !== 'stopped') {
      if (client.client.state === 'soliciting') client.hear(advertise());
      if (client.client.state === 'requesting') client.hear(reply({ gives: [{ status: StatusCode.noAddrsAvail }] }));
      client.wait();
      messages += 1;
    }
    assert.equal(client.error.code, 'DHCP6_REFUSED');
    assert.ok(messages < 20, `${messages} messages in five seconds`);
  });

  test('a flood of servers is heard to a bound', () => {
    const client = new TestClient();
    let heard = 0;
    for (let count = 0; count < 1000; count++) heard += client.hear(advertise({ server: server(count % 10) })).length;
    assert.equal(heard, 32);
  });
});

describe('an identity association or an address that is malformed', () => {
  const inAssociation = (options: OptionList) => ({ iaid, t1: 1000, t2: 2000, options });
  const cutAddress = (list: OptionList) => list.appendRaw(Option.iaAddress.code, new Uint8Array(3));
  const malformed: readonly (readonly [string, (list: OptionList) => unknown])[] = [
    ['a short association', (list) => list.appendRaw(Option.iaNa.code, new Uint8Array(5))],
    [
      'options that are cut',
      (list) => list.appendRaw(Option.iaNa.code, Buffer.from(`0000000700000000000000000005000901`, 'hex')),
    ],
    ['a short address', (list) => list.append(Option.iaNa, inAssociation(cutAddress(new OptionList())))],
  ];
  for (const [what, options] of malformed) {
    test(`is as if it were not there: ${what}`, () => {
      const client = new TestClient();
      assert.deepEqual(client.hear({ type: MessageType.advertise, options }), []);
      assert.deepEqual(client.hear(advertise({ options })), ['advertise'], 'another association counts');
      assert.deepEqual(client.wait(), ['REQUEST']);
      client.hear({ type: MessageType.reply, options });
      const state = (): string => client.client.state;
      while (state() !== 'requesting') {
        client.wait();
        if (state() === 'soliciting') client.hear(advertise());
      }
      assert.deepEqual(client.hear(reply()), ['bound']);
      while (state() !== 'renewing') client.wait();
      client.hear({ type: MessageType.reply, options });
      assert.equal(client.lease.addresses.length, 1);
    });
  }

  test('leaves other addresses of its association', () => {
    const two = association([{}]).options;
    cutAddress(two);
    const client = new TestClient();
    client.hear({ type: MessageType.advertise, options: (list) => list.append(Option.iaNa, inAssociation(two)) });
    client.wait();
    assert.deepEqual(client.sent.options.get(Option.iaNa)?.options.all(Option.iaAddress).length, 1);
  });
});
