import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber, type MacAddress } from '../../src/bytes/index.ts';
import { AddressProbe } from '../../src/server/address-probe.ts';
import { ip, mac } from '../dhcp/support.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedSegment } from '../support/simulated-segment.ts';

const WAIT = 250;

/** A kernel that asks for whomever a datagram goes to, unless it believes that it knows. */
class SimulatedNeighbours {
  readonly #segment = new SimulatedSegment();
  /** Who is really there. */
  readonly hosts = new Map<Ipv4Address, MacAddress>();
  /** What was heard of old, true or not. */
  readonly table = new Map<Ipv4Address, MacAddress>();
  mayForget = true;
  readonly network = this.#segment.host('192.0.2.1');

  get sent(): string[] {
    return this.#segment.sent.map(({ to }) => `${to.address}:${to.port}`);
  }

  get openSockets(): number {
    return this.#segment.open;
  }

  at(_interfaceName: string, address: Ipv4Address): MacAddress | undefined {
    const wasAsked = this.#segment.sent.some(({ to }) => to.address === address);
    return this.table.get(address) ?? (wasAsked ? this.hosts.get(address) : undefined);
  }

  forget(_interfaceName: string, address: Ipv4Address): boolean {
    if (this.mayForget) this.table.delete(address);
    return this.mayForget;
  }
}

async function open() {
  const neighbours = new SimulatedNeighbours();
  const clock = new SimulatedClock();
  const place = { interface: 'eth1', subnet: { network: ip('192.0.2.0'), prefix: 24 } };
  const probe = await AddressProbe.open({ ...place, network: neighbours.network, clock, neighbours, wait: WAIT });
  return { neighbours, clock, probe };
}

test('who has an address is found as soon as it answers, whatever was heard of old (RFC 2131 §2.2)', async () => {
  const { neighbours, clock, probe } = await open();
  neighbours.table.set(ip('192.0.2.9'), mac(99));
  neighbours.hosts.set(ip('192.0.2.9'), mac(9));
  const asked = probe.ask(ip('192.0.2.9'));
  await clock.pass(WAIT / 4);
  assert.equal(await asked, mac(9));
  assert.deepEqual(neighbours.sent, ['192.0.2.9:9']);
  await probe[Symbol.asyncDispose]();
});

test('nobody is said to be there when nobody has answered in time, and not sooner', async () => {
  const { neighbours, clock, probe } = await open();
  neighbours.table.set(ip('192.0.2.9'), mac(99));
  let holder: MacAddress | undefined | 'unknown' = 'unknown';
  probe.ask(ip('192.0.2.9'))?.then((found) => {
    holder = found;
  });
  await clock.pass(WAIT - 1);
  assert.equal(holder, 'unknown');
  await clock.pass(1);
  assert.equal(holder, undefined);
  assert.equal(clock.pending, 0);
  await probe[Symbol.asyncDispose]();
  assert.equal(neighbours.openSockets, 0);
});

test('two who ask for one address at a time ask once', async () => {
  const { neighbours, clock, probe } = await open();
  const both = [probe.ask(ip('192.0.2.9')), probe.ask(ip('192.0.2.9'))];
  await clock.pass(WAIT);
  assert.deepEqual(await Promise.all(both), [undefined, undefined]);
  assert.equal(neighbours.sent.length, 1);
  await probe[Symbol.asyncDispose]();
});

test('what cannot be asked is said so at once: behind a relay agent, without the right to, and more than a bound', async () => {
  const { neighbours, clock, probe } = await open();
  assert.equal(probe.ask(ip('198.51.100.9')), undefined);
  neighbours.mayForget = false;
  assert.equal(probe.ask(ip('192.0.2.9')), undefined);
  neighbours.mayForget = true;
  const first = ipv4ToNumber(ip('192.0.2.10'));
  const asked = Array.from({ length: 100 }, (_, index) => probe.ask(ipv4FromNumber(first + index)));
  assert.equal(asked.filter((each) => each !== undefined).length, 64);
  await clock.pass(WAIT);
  assert.notEqual(probe.ask(ip('192.0.2.200')), undefined, 'there is room again');
  await probe[Symbol.asyncDispose]();
});

test('closing ends what is being asked', async () => {
  const { neighbours, clock, probe } = await open();
  const asked = probe.ask(ip('192.0.2.9'));
  await probe[Symbol.asyncDispose]();
  assert.equal(await asked, undefined);
  assert.deepEqual([clock.pending, neighbours.openSockets], [0, 0]);
});
