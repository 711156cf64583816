/** What the client's messages carry, each kind (RFC 8415 §18.2, §24): an exchange of everything that it can say. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv6, parseMac } from '../../src/bytes/index.ts';
import {
  Dhcp6Client,
  type Dhcp6ClientAction,
  type Dhcp6ClientOptions,
  type Dhcp6Lease,
  type Dhcp6Message,
  decodeMessage,
  duidOfMac,
  encodeMessage,
  MessageType,
  messageTypeName,
  Option,
  OptionList,
} from '../../src/dhcp6/index.ts';

const duid = duidOfMac(parseMac('52:54:00:12:34:56'));
const server = duidOfMac(parseMac('02:00:00:00:00:01'));

/** Answers a client, or lets time pass, until it has said what is wanted; gives that message. */
function said(type: number, options: Partial<Dhcp6ClientOptions> = {}): Dhcp6Message {
  const client = new Dhcp6Client({ duid, iaid: 7, mode: 'stateful', longestDelay: 0, ...options }, () => 0.5);
  let now = 0;
  let actions: readonly Dhcp6ClientAction[] = client.start(now);
  for (let step = 0; step < 50; step++) {
    const sent = messageIn(actions);
    if (sent?.type === type) return sent;
    const answer = sent === undefined ? undefined : answerTo(sent);
    actions = answer === undefined ? [] : client.receive(encodeMessage(answer), now);
    if (messageIn(actions) !== undefined) continue;
    if (client.state === 'bound' && type === MessageType.release) actions = client.release(now);
    else if (client.state === 'bound' && type === MessageType.decline) actions = client.decline(now);
    else {
      now = client.deadline ?? now;
      actions = client.poll(now);
    }
  }
  throw new Error(`the client never said ${messageTypeName({ type })}`);
}

function messageIn(actions: readonly Dhcp6ClientAction[]): Dhcp6Message | undefined {
  const sent = actions.find((action) => action.type === 'send');
  return sent?.type === 'send' ? decodeMessage(sent.datagram.data) : undefined;
}

/** A server that answers Solicit and Request, and leaves the others alone. */
function answerTo({ type, transactionId, options: asked }: Dhcp6Message): Dhcp6Message | undefined {
  if (type !== MessageType.solicit && type !== MessageType.request) return undefined;
  const options = new OptionList().set(Option.clientIdentifier, duid).set(Option.serverIdentifier, server);
  const lifetimes = { preferredLifetime: 3000, validLifetime: 4000, options: new OptionList() };
  const inner = new OptionList().append(Option.iaAddress, { address: parseIpv6('2001:db8::100'), ...lifetimes });
  options.append(Option.iaNa, { iaid: asked.get(Option.iaNa)?.iaid ?? 0, t1: 1000, t2: 2000, options: inner });
  return { type: type === MessageType.solicit ? MessageType.advertise : MessageType.reply, transactionId, options };
}

const forever = Number.POSITIVE_INFINITY;
const previousLease: Dhcp6Lease = {
  addresses: [{ address: parseIpv6('2001:db8::100'), preferredUntil: forever, validUntil: forever }],
  serverIdentifier: server,
  reply: { type: MessageType.reply, transactionId: 0, options: new OptionList() },
  advertise: undefined,
  reason: 'is the only one',
  ...{ renewAt: forever, rebindAt: forever, expiresAt: forever },
};

const stateless = { mode: 'stateless' } as const;
const messages: readonly (readonly [name: string, message: Dhcp6Message])[] = [
  ['Solicit', said(MessageType.solicit)],
  ['Request', said(MessageType.request)],
  ['Confirm', said(MessageType.confirm, { previousLease })],
  ['Renew', said(MessageType.renew)],
  ['Rebind', said(MessageType.rebind)],
  ['Release', said(MessageType.release)],
  ['Decline', said(MessageType.decline)],
  ['Information-request', said(MessageType.informationRequest, stateless)],
];
const named = (...names: readonly string[]) => messages.filter(([name]) => names.includes(name));
const namesOf = (chosen: (message: Dhcp6Message) => boolean) =>
  messages.filter(([, each]) => chosen(each)).map(([name]) => name);

/** RFC 8415 §21.7: what must not be asked for, as it comes anyway or never. */
const neverRequested = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20, 25, 26];

describe('the client’s messages', () => {
  test('each say who asks, and for how long', () => {
    for (const [name, { options }] of messages) {
      assert.deepEqual(options.get(Option.clientIdentifier), duid, name);
      assert.equal(options.get(Option.elapsedTime), 0, name);
    }
  });

  test('name a server where they are for one alone', () => {
    const forOne = namesOf(({ options }) => options.has(Option.serverIdentifier));
    assert.deepEqual(forOne, ['Request', 'Renew', 'Release', 'Decline']);
    for (const [name, { options }] of named(...forOne))
      assert.deepEqual(options.get(Option.serverIdentifier), server, name);
  });

  test('ask for what they want, the standard’s own wishes among it (RFC 8415 §21.7)', () => {
    assert.deepEqual(
      namesOf(({ options }) => options.has(Option.optionRequest)),
      ['Solicit', 'Request', 'Renew', 'Rebind', 'Information-request'],
    );
    for (const [name, { options }] of messages) {
      const requested = options.get(Option.optionRequest) ?? [];
      assert.deepEqual(
        requested.filter((code) => neverRequested.includes(code)),
        [],
        name,
      );
    }
    for (const [name, { options }] of named('Solicit', 'Request', 'Renew', 'Rebind')) {
      const requested = options.get(Option.optionRequest) ?? [];
      assert.ok(requested.includes(Option.solMaxRt.code), name);
      assert.ok(!requested.includes(Option.informationRefreshTime.code), name);
    }
    const [[, information] = []] = named('Information-request');
    const requested = information?.options.get(Option.optionRequest) ?? [];
    assert.ok(requested.includes(Option.informationRefreshTime.code) && requested.includes(Option.infMaxRt.code));
  });

  test('leave times and lifetimes to the server (RFC 8415 §21.4, §21.6)', () => {
    assert.deepEqual(
      namesOf(({ options }) => options.get(Option.iaNa)?.options.has(Option.iaAddress) === true),
      ['Request', 'Confirm', 'Renew', 'Rebind', 'Release', 'Decline'],
    );
    for (const [name, { options }] of messages) {
      const association = options.get(Option.iaNa);
      if (association === undefined) continue;
      assert.deepEqual([association.t1, association.t2], [0, 0], name);
      const address = association.options.get(Option.iaAddress);
      if (address !== undefined) assert.deepEqual([address.preferredLifetime, address.validLifetime], [0, 0], name);
    }
  });

  test('ask for no addresses where only configuration is wanted (RFC 8415 §16.12)', () => {
    assert.ok(!namesOf(({ options }) => options.has(Option.iaNa)).includes('Information-request'));
  });

  test('ask to be served at once only when told so (RFC 8415 §21.14)', () => {
    assert.deepEqual(
      namesOf(({ options }) => options.has(Option.rapidCommit)),
      [],
    );
    assert.ok(said(MessageType.solicit, { rapidCommit: true }).options.has(Option.rapidCommit));
    assert.ok(!said(MessageType.request, { rapidCommit: true }).options.has(Option.rapidCommit));
  });

  test('carry no authentication and accept no reconfiguration, as RFC 8415 has no keys to begin with', () => {
    for (const code of [11, 20])
      assert.deepEqual(
        namesOf(({ options }) => options.raw(code) !== undefined),
        [],
      );
  });
});
