import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ipv4Address, MacAddress } from '../../src/bytes/index.ts';
import { MessageType } from '../../src/dhcp/index.ts';
import { discover, ip, mac, request, subnet, TestServer } from './support.ts';

const squatter = mac(0x77);

/** A server on a link where some addresses are somebody's already. */
class ProbingServer extends TestServer {
  readonly asked: Ipv4Address[];
  readonly holders: Map<Ipv4Address, MacAddress>;

  constructor(holders: readonly (readonly [Ipv4Address, MacAddress])[] = []) {
    const asked: Ipv4Address[] = [];
    const known = new Map(holders);
    super({
      probe: async (address) => {
        asked.push(address);
        return known.get(address);
      },
    });
    this.asked = asked;
    this.holders = known;
  }

  conflicts() {
    return this.events.flatMap((event) => (event.type === 'conflict' ? [[event.address, event.holder]] : []));
  }
}

const pool = ['10', '11', '12', '13'].map((last) => ip(`192.0.2.${last}`));

describe('before an address is offered to somebody new', () => {
  test('it is asked for, and the next one given when somebody answers (RFC 2131 §2.2)', async () => {
    const server = new ProbingServer();
    const { yiaddr: wanted } = await server.expect(discover(), MessageType.offer);
    const other = new ProbingServer([[wanted, squatter]]);
    const { yiaddr } = await other.expect(discover(), MessageType.offer);
    assert.notEqual(yiaddr, wanted);
    assert.deepEqual(other.asked, [wanted, yiaddr]);
    assert.deepEqual(other.conflicts(), [[wanted, squatter]]);
    const lease = other.leases.leaseAt(wanted);
    assert.deepEqual([lease?.state, lease?.hardwareAddress], ['declined', squatter]);
    const otherClient = await other.bind(mac(2));
    assert.notEqual(otherClient.yiaddr, wanted, 'nobody gets it');
    assert.equal(other.asked.filter((address) => address === wanted).length, 1, 'nor is it asked for again');
    other.now += 3_600_001;
    other.holders.clear();
    await other.bind(mac(3));
    await other.bind(mac(4));
    const given = [yiaddr, otherClient.yiaddr, ...[3, 4].flatMap((last) => [...other.leases.leasesOf(mac(last))])];
    assert.equal(given.length, pool.length, 'after an hour it is looked at anew');
  });

  test('the client itself may be the one that has it', async () => {
    const server = new ProbingServer(pool.map((address) => [address, mac(1)] as const));
    await server.bind(mac(1));
    assert.deepEqual(server.conflicts(), []);
  });

  test('nobody is asked for what is a client’s own, or was asked for when it was offered', async () => {
    const server = new ProbingServer();
    await server.expect(discover(), MessageType.offer);
    await server.bind();
    await server.bind();
    assert.equal(server.asked.length, 1);
    server.now += 2 * subnet.leaseTime * 1000;
    await server.bind();
    assert.equal(server.asked.length, 1, 'its lease is over, but nobody else had it');
  });

  test('an offer that has run out is as good as none', async () => {
    const server = new ProbingServer();
    const { yiaddr } = await server.expect(discover(mac(1)), MessageType.offer);
    server.now += 60_001;
    const asking = (from: MacAddress) => discover(from, (list) => list.setRaw(50, Uint8Array.from(bytesOf(yiaddr))));
    assert.equal((await server.expect(asking(mac(2)), MessageType.offer)).yiaddr, yiaddr);
    assert.deepEqual(server.asked, [yiaddr, yiaddr]);
    server.now += 60_001;
    await server.expect(asking(mac(2)), MessageType.offer);
    assert.deepEqual(server.asked, [yiaddr, yiaddr, yiaddr]);
  });

  test('BOOTP clients get no address of somebody else’s either', async () => {
    const free = pool[3] ?? ip('');
    const server = new ProbingServer(pool.slice(0, 3).map((address) => [address, squatter] as const));
    const reply = await server.expect(request({}), undefined);
    assert.equal(reply.yiaddr, free);
  });

  test('when somebody has each of them, there is no answer', async () => {
    const server = new ProbingServer(pool.map((address) => [address, squatter] as const));
    await server.expectSilence(discover(), 'pool-exhausted');
    assert.equal(server.conflicts().length, pool.length);
  });
});

function bytesOf(address: Ipv4Address): number[] {
  return address.split('.').map(Number);
}
