/** Server and clients against each other over a network that loses, doubles, delays and reorders. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macToBytes } from '../../src/bytes/index.ts';
import {
  type AuthenticationKeyEntry,
  type Datagram,
  DhcpClient,
  type DhcpClientAction,
  type DhcpLease,
  DhcpServer,
  type DhcpServerEvent,
  keysOfClient,
  MemoryLeaseStore,
  parseAuthenticationFile,
} from '../../src/dhcp/index.ts';
import { Alarm, type Faults, noFaults, SimulatedDatagrams } from '../support/simulated-datagrams.ts';
import { anywhere, ip, mac, serverIdentifier, subnet } from './support.ts';

/** What a client sends from T1 of a lease of an hour to its end, when nobody answers (RFC 2131 §4.4.5). */
const REQUESTS_OF_A_LEASE = 10;

/** Milliseconds: enough for any run of bad luck that is not an error. */
const patience = 3_000_000;

class Machine {
  readonly client: DhcpClient;
  readonly history: string[] = [];
  lease: DhcpLease | undefined;
  /** Of each lease that was lost: how many datagrams were sent in vain since it had been given last. */
  readonly lostAfter: number[] = [];
  #sentInVain = 0;
  readonly #network: SimulatedNetwork;
  readonly #alarm: Alarm;

  constructor(network: SimulatedNetwork, number: number, timeout: number) {
    this.#network = network;
    this.#alarm = new Alarm(network.datagrams);
    const random = () => network.datagrams.random.below(2 ** 30) / 2 ** 30;
    const hardwareAddress = mac(number);
    const keys = keysOfClient(network.keys, hardwareAddress);
    const proof = {
      clientIdentifier: Uint8Array.of(1, ...macToBytes(hardwareAddress)),
      authentication: { keys, now: () => network.datagrams.now },
    };
    this.client = new DhcpClient({ hardwareAddress, timeout, ...(keys.length > 0 ? proof : {}) }, random);
  }

  start(): void {
    this.carryOut(this.client.start(this.#network.datagrams.now));
  }

  carryOut(actions: readonly DhcpClientAction[]): void {
    for (const action of actions) {
      if (action.type !== 'send') this.history.push(action.type);
      switch (action.type) {
        case 'send':
          this.#sentInVain += 1;
          this.#network.toServer(action.datagram);
          break;
        case 'bound':
        case 'renewed':
          this.#sentInVain = 0;
          this.lease = action.lease;
          break;
        case 'lost':
          this.lostAfter.push(this.#sentInVain);
          this.lease = undefined;
          break;
      }
    }
    const { datagrams } = this.#network;
    this.#alarm.set(this.client.deadline, () => this.carryOut(this.client.poll(datagrams.now)));
  }
}

class SimulatedNetwork {
  readonly datagrams: SimulatedDatagrams;
  readonly leases = new MemoryLeaseStore();
  readonly events: DhcpServerEvent[] = [];
  readonly machines: Machine[] = [];
  readonly keys: readonly AuthenticationKeyEntry[];
  server: DhcpServer;

  constructor(seed: number, faults: Faults, leaseTime = 3600, keys: readonly AuthenticationKeyEntry[] = []) {
    this.keys = keys;
    this.datagrams = new SimulatedDatagrams(seed, faults);
    this.server = this.#newServer(leaseTime);
  }

  #newServer(leaseTime: number): DhcpServer {
    return new DhcpServer({
      serverIdentifier,
      subnets: [{ ...subnet, leaseTime, pool: { first: ip('192.0.2.10'), last: ip('192.0.2.30') } }],
      leases: this.leases,
      authenticationKeys: this.keys,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** The server's process ends and starts again: what it had in memory is gone, its leases are not. */
  restartServer(leaseTime = 3600): void {
    this.server = this.#newServer(leaseTime);
  }

  toServer({ data }: Datagram): void {
    this.datagrams.send(async () => {
      const reply = await this.server.receive(data, anywhere, this.datagrams.now);
      // Everybody hears a broadcast, and a unicast does no harm to the others.
      if (reply === undefined) return;
      for (const machine of this.machines) {
        const { datagrams } = this;
        datagrams.send(() => machine.carryOut(machine.client.receive(reply.data, datagrams.now)));
      }
    });
  }

  /** Machines that give up after `timeout` milliseconds. */
  add(count: number, timeout = patience): void {
    for (let number = 1; number <= count; number++) this.machines.push(new Machine(this, number, timeout));
  }
}

const faults = fc.record({
  lossPercent: fc.integer({ min: 0, max: 50 }),
  duplicatePercent: fc.integer({ min: 0, max: 50 }),
  delay: fc.constantFrom<readonly [number, number]>([1, 1], [1, 500], [0, 3000]),
});

describe('DHCP over a bad network', () => {
  test('with a key of its own every machine is bound by proof, and its renewals are proven too (RFC 3118 §5)', async () => {
    const lines = Array.from({ length: 4 }, (_, at) => `client ${mac(at + 1)} ${at + 1} a-secret-of-machine-${at + 1}`);
    const keys = parseAuthenticationFile(lines.join('\n'), 'keys');
    const property = fc.asyncProperty(fc.integer(), faults, async (seed, given) => {
      const network = new SimulatedNetwork(seed, given, 600, keys);
      network.add(4);
      for (const machine of network.machines) machine.start();
      const everyone = (what: string) => network.machines.every(({ history }) => history.includes(what));
      assert.ok(await network.datagrams.run(() => everyone('bound'), patience), 'all are bound in time');
      assert.ok(await network.datagrams.run(() => everyone('renewed'), 2 * patience), 'all have renewed in time');
      for (const [index, { lease }] of network.machines.entries()) {
        if (lease !== undefined) assert.equal(lease.key?.secretIdentifier, index + 1);
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });

  test('every machine is bound at last, each at an address of its own that the server knows', async () => {
    const property = fc.asyncProperty(fc.integer(), faults, async (seed, given) => {
      const network = new SimulatedNetwork(seed, given);
      network.add(8);
      for (const machine of network.machines) machine.start();
      const everyone = () => network.machines.every(({ lease }) => lease !== undefined);
      assert.ok(await network.datagrams.run(everyone, patience), 'all are bound in time');
      const addresses = network.machines.map(({ lease }) => lease?.address ?? ip('0.0.0.0'));
      assert.equal(new Set(addresses).size, addresses.length);
      for (const [index, address] of addresses.entries()) {
        assert.equal(network.leases.leaseAt(address)?.clientKey, mac(index + 1));
      }
      assert.equal(
        network.events.some(({ type }) => type === 'failed'),
        false,
      );
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test('a lease is renewed for days and the address never changes, server restarts included', async () => {
    const property = fc.asyncProperty(fc.integer(), async (seed) => {
      const network = new SimulatedNetwork(seed, { lossPercent: 20, duplicatePercent: 20, delay: [1, 400] });
      network.add(3);
      for (const machine of network.machines) machine.start();
      await network.datagrams.run(() => network.machines.every(({ lease }) => lease !== undefined), patience);
      const before = network.machines.map(({ lease }) => lease?.address);
      for (let hour = 2; hour <= 24; hour++) {
        network.restartServer();
        await network.datagrams.run(() => false, hour * 3_600_000);
      }
      await network.datagrams.run(() => network.machines.every(({ lease }) => lease !== undefined), 25 * 3_600_000);
      assert.deepEqual(
        network.machines.map(({ lease }) => lease?.address),
        before,
      );
      // A network that loses a fifth loses all requests of a lease now and then; no other reason is one.
      for (const { lostAfter } of network.machines) {
        for (const requests of lostAfter) assert.ok(requests >= REQUESTS_OF_A_LEASE, `lost after ${requests} requests`);
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });

  test('where nobody answers every machine gives up in its time', async () => {
    const network = new SimulatedNetwork(1, { ...noFaults, lossPercent: 100 });
    network.add(2, 300_000);
    for (const machine of network.machines) machine.start();
    await network.datagrams.run(() => false, 1_000_000);
    for (const { history, client } of network.machines) {
      assert.deepEqual(history, ['failed']);
      assert.equal(client.deadline, undefined);
    }
    assert.ok(network.datagrams.now >= 300_000 && network.datagrams.now < 301_000, `${network.datagrams.now}`);
  });
});
