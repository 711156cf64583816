/** What each kind of answer carries, and what it does not (RFC 2131 §4.3.1, table 3). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DhcpMessage, MessageType, Option, type OptionList } from '../../src/dhcp/index.ts';
import { discover, ip, mac, renew, request, select, serverIdentifier, subnet, TestServer } from './support.ts';

const { offer, ack, nak } = MessageType;
/** What only a client says: requested address, parameter request list, maximum message size. */
const ofClients = [50, 55, 57];
const ofLeases = [51, 58, 59];

const asking = (list: OptionList) => {
  list.set(Option.parameterRequestList, [1, 3, 6, 15, 50, 51, 55, 57, 61, 200]).set(Option.maximumMessageSize, 1500);
  list.setRaw(61, Uint8Array.of(1, 2, 3)).set(Option.requestedAddress, ip('192.0.2.12'));
};

function codes({ options }: DhcpMessage): number[] {
  return [...options.codes()];
}

describe('what the answer to a client carries (RFC 2131 §4.3.1)', () => {
  test('OFFER: the fields of the request come back, and the address with them (table 3)', async () => {
    const server = new TestServer();
    const message = { ...discover(mac(1), asking), secs: 7, flags: 0x8000, hops: 0 };
    const answer = await server.expect(message, offer);
    const { op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file } = answer;
    assert.deepEqual(
      { op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, sname, file },
      {
        ...{ op: 2, htype: 1, hlen: 6, hops: 0, xid: 0x1234, secs: 0, flags: 0x8000, sname: '', file: '' },
        ...{ ciaddr: '0.0.0.0', yiaddr: '192.0.2.12', siaddr: '0.0.0.0', giaddr: '0.0.0.0' },
      },
    );
    assert.deepEqual(chaddr, message.chaddr);
  });

  test('OFFER and ACK carry the lease and who gives it, and nothing that only clients say (table 3)', async () => {
    const server = new TestServer();
    for (const answer of [
      await server.expect(discover(mac(1), asking), offer),
      await server.expect(select(ip('192.0.2.12')), ack),
    ]) {
      for (const code of [53, 54, ...ofLeases]) assert.ok(codes(answer).includes(code), `${code}`);
      for (const code of ofClients) assert.ok(!codes(answer).includes(code), `${code}`);
    }
  });

  test('ACK of a renewal repeats the address that the client has (table 3)', async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind();
    const renewed = await server.expect(renew(yiaddr), ack);
    assert.deepEqual([renewed.ciaddr, renewed.yiaddr], [yiaddr, yiaddr]);
  });

  test('NAK carries its type, the server, the reason and the client identifier, and no address (table 3, RFC 6842 §3)', async () => {
    const server = new TestServer({ bootFor: () => ({ bootFile: 'x', nextServer: serverIdentifier }) });
    await server.bind(mac(2));
    const refused = request({
      ...{ type: MessageType.request, fields: { ciaddr: ip('198.51.100.1') } },
      options: (list) => list.setRaw(61, Uint8Array.of(1, 2, 3)).set(Option.parameterRequestList, [1, 3, 67]),
    });
    const answer = await server.expect(refused, nak);
    assert.deepEqual(codes(answer), [53, 54, 56, 61]);
    assert.deepEqual([answer.ciaddr, answer.yiaddr, answer.siaddr, answer.file], ['0.0.0.0', '0.0.0.0', '0.0.0.0', '']);
  });

  test('the answer to INFORM has no lease, and is given to anybody (§4.3.5)', async () => {
    const server = new TestServer();
    const inform = request({ type: MessageType.inform, fields: { ciaddr: ip('192.0.2.200') }, options: asking });
    const answer = await server.expect(inform, ack);
    for (const code of [...ofLeases, ...ofClients]) assert.ok(!codes(answer).includes(code), `${code}`);
    assert.equal(answer.yiaddr, '0.0.0.0');
  });

  test('each parameter is given once, and only if the server has it (§4.3.1)', async () => {
    const server = new TestServer();
    const twice = discover(mac(1), (list) => list.set(Option.parameterRequestList, [6, 6, 200, 6, 26]));
    const answer = await server.expect(twice, offer);
    assert.equal(codes(answer).filter((code) => code === 6).length, 1);
    assert.deepEqual(answer.options.get(Option.domainNameServers), subnet.domainNameServers);
    for (const absent of [200, 26]) assert.ok(!codes(answer).includes(absent));
  });

  test('T1 comes before T2, and T2 before the end (§4.4.5)', async () => {
    for (const leaseTime of [60, 61, 3600, 86_399]) {
      const server = new TestServer({ subnets: [{ ...subnet, leaseTime }] });
      const { options } = await server.bind();
      const [renewal, rebinding] = [options.get(Option.renewalTime), options.get(Option.rebindingTime)];
      assert.ok(renewal !== undefined && rebinding !== undefined && renewal < rebinding && rebinding < leaseTime);
    }
  });
});

describe('whom a client names (RFC 2131 §4.1)', () => {
  test('any address of the server names it', async () => {
    const other = ip('198.51.100.1');
    const server = new TestServer({ otherAddresses: [other] });
    const { yiaddr } = await server.expect(discover(), offer);
    await server.expect(select(yiaddr, mac(1), other), ack);
    const leave = (to: string) =>
      request({
        ...{ type: MessageType.release, fields: { ciaddr: yiaddr } },
        options: (list) => list.set(Option.serverIdentifier, ip(to)),
      });
    await server.expectSilence(leave('192.0.2.77'), 'other-server');
    assert.equal(server.leases.leaseAt(yiaddr)?.state, 'bound');
    await server.expectSilence(leave(other));
    assert.equal(server.leases.leaseAt(yiaddr)?.state, 'released');
  });
});

describe('a pool that is used up', () => {
  test('is not looked through again before something can have become free', async () => {
    const server = new TestServer();
    let looked = 0;
    const { leaseAt } = server.leases;
    server.leases.leaseAt = (address) => {
      looked += 1;
      return leaseAt.call(server.leases, address);
    };
    for (let client = 1; client <= 4; client++) await server.bind(mac(client));
    await server.expectSilence(discover(mac(5)), 'pool-exhausted');
    looked = 0;
    for (let client = 6; client <= 20; client++) await server.expectSilence(discover(mac(client)), 'pool-exhausted');
    assert.equal(looked, 0);
    const release = request({ type: MessageType.release, from: mac(2), fields: { ciaddr: ip('192.0.2.11') } });
    const holder = [1, 2, 3, 4].find((client) => server.leases.leaseAt(ip('192.0.2.11'))?.clientKey === mac(client));
    assert.ok(holder !== undefined);
    await server.expectSilence({ ...release, chaddr: discover(mac(holder)).chaddr });
    assert.equal((await server.expect(discover(mac(21)), offer)).yiaddr, '192.0.2.11');
  });
});
