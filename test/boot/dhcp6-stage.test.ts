/** The DHCP stage over IPv6, on a simulated link with this project's own server. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  configureIpv6,
  type Dhcp6Result,
  type Dhcp6StageOptions,
  describeDhcp6Result,
  runDhcp6Stage,
} from '../../src/boot/dhcp6-stage.ts';
import { awaitUsableIpv6, usableIpv6 } from '../../src/boot/usable-ipv6.ts';
import type { Ipv6Address, MacAddress } from '../../src/bytes/index.ts';
import { Dhcp6Server, duidOfMac, MemoryLeaseStore } from '../../src/dhcp6/index.ts';
import type { MachineNetwork } from '../../src/os/machine-network.ts';
import type {
  Ipv6InterfaceAddress,
  NetworkInterface,
  UdpHandler,
  UdpOptions,
  UdpSocket,
} from '../../src/os/network.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';

const ip = (text: string) => text as Ipv6Address;
const rootPath = 'iscsi:[2001:db8::1]::::iqn.2001-04.com.example:disk';
const linkLocal: Ipv6InterfaceAddress = { address: ip('fe80::5054:ff:fe42:1'), prefix: 64, state: 'preferred' };

/** A link with one machine and, unless it is silent, one server; the kernel's trial of an address takes a second. */
class SimulatedLink extends SimulatedNetwork {
  readonly clock = new SimulatedClock();
  readonly settings: string[] = [];
  openSockets = 0;
  isSilent = false;
  /** Addresses that somebody else has. */
  readonly elsewhere = new Set<string>();
  #addresses: Ipv6InterfaceAddress[];
  readonly #server: Dhcp6Server;

  constructor(bootFileUrl: string | undefined, own: readonly Ipv6InterfaceAddress[] = [linkLocal]) {
    super();
    this.#addresses = [...own];
    const pool = { first: ip('2001:db8::100'), last: ip('2001:db8::1ff') };
    const lifetimes = { preferredLifetime: 3000, validLifetime: 4000 };
    this.#server = new Dhcp6Server({
      serverIdentifier: duidOfMac('52:54:00:00:00:01' as MacAddress),
      address: ip('2001:db8::1'),
      leases: new MemoryLeaseStore(),
      bootFor: () => (bootFileUrl === undefined ? undefined : { bootFileUrl }),
      links: [
        {
          ...{ prefixes: [{ network: ip('2001:db8::'), length: 64 }], pool, excluded: [], ...lifetimes },
          ...{ domainNameServers: [ip('2001:db8::53')], domainSearch: ['example.com'] },
        },
      ],
    });
  }

  get interface(): NetworkInterface {
    return { name: 'eth0', mac: '52:54:00:42:00:01' as MacAddress, up: true, ipv4: [], ipv6: [...this.#addresses] };
  }

  override interfaces(): readonly [] {
    // The simulated network of the targets' tests has none, and says so in its type.
    return [this.interface] as readonly NetworkInterface[] as readonly [];
  }

  override async openUdp(options?: UdpOptions): Promise<never> {
    assert.deepEqual([options?.address, options?.port, options?.interface], ['::', 546, 'eth0']);
    this.openSockets += 1;
    let handler: UdpHandler | undefined;
    const close = async () => {
      this.openSockets -= 1;
      handler = undefined;
    };
    const socket: UdpSocket = {
      local: { address: '::', port: 546 },
      start: (given) => {
        handler = given;
      },
      send: async (data) => {
        if (this.isSilent) return;
        const from = { address: `${linkLocal.address}%eth0`, port: 546 };
        const reply = await this.#server.receive(data, from, this.clock.now());
        if (reply !== undefined) handler?.message(reply.data, { address: 'fe80::1%eth0', port: 547 });
      },
      close,
      [Symbol.asyncDispose]: close,
    };
    return socket as never;
  }

  set(address: string, state: Ipv6InterfaceAddress['state'], prefix = 64): void {
    this.#addresses = this.#addresses.filter((each) => each.address !== address);
    this.#addresses.push({ address: ip(address), prefix, state });
  }

  get machine(): MachineNetwork {
    const nothing = async (): Promise<never> => assert.fail('not to be touched');
    return {
      bringUp: nothing,
      setMtu: nothing,
      addHostRoute: nothing,
      ipv6SourceTowards: nothing,
      sendIcmpv6: () => assert.fail('not to be sent'),
      hearIcmpv6: () => assert.fail('not to be heard'),
      addAddress: async (name, address, prefix) => {
        this.settings.push(`+${address}/${prefix} on ${name}`);
        this.set(address, 'tentative', prefix);
        this.clock.after(1000, () =>
          this.set(address, this.elsewhere.has(address) ? 'duplicate' : 'preferred', prefix),
        );
        return {
          limit: async () => {},
          [Symbol.asyncDispose]: async () => {
            this.settings.push(`-${address}/${prefix} on ${name}`);
            this.#addresses = this.#addresses.filter((each) => each.address !== address);
          },
        };
      },
    };
  }

  /** Fails when it is not over within `limit` milliseconds. */
  async finish<T>(running: Promise<T>, limit = 60_000): Promise<T> {
    let over = false;
    const note = () => {
      over = true;
    };
    running.then(note, note);
    for (let passed = 0; !over; passed += 50) {
      assert.ok(passed <= limit, `not over after ${limit} ms`);
      await this.clock.pass(50);
    }
    return running;
  }
}

function options(link: SimulatedLink, more: Partial<Dhcp6StageOptions> = {}): Dhcp6StageOptions {
  const { signal } = new AbortController();
  const common = { network: link, clock: link.clock, random: () => 0.5, interface: link.interface, signal };
  return { ...common, mode: 'stateful', timeout: 10_000, ...more };
}

function run(link: SimulatedLink, more: Partial<Dhcp6StageOptions> = {}) {
  const steps: string[] = [];
  const running = runDhcp6Stage(options(link, more), { step: (text) => steps.push(text) });
  running.catch(() => {});
  return { running, steps };
}

describe('the DHCP stage over IPv6', () => {
  test('gives an address, the disk and the network, and says how it came to them', async () => {
    const link = new SimulatedLink(rootPath);
    const { running, steps } = run(link);
    const result = await link.finish(running);
    await result.held[Symbol.asyncDispose]();
    assert.match(String(result.addresses), /^2001:db8::1[0-9a-f]{2}$/);
    assert.deepEqual(result.rootPath?.server, { kind: 'ipv6', address: '2001:db8::1' });
    assert.equal(result.rootPath?.targetName, 'iqn.2001-04.com.example:disk');
    assert.deepEqual([result.domainNameServers, result.domainSearch], [['2001:db8::53'], ['example.com']]);
    assert.deepEqual(
      steps.map((step) => step.split(/ (?:on|of|from|gives) /)[0]),
      ['asking', 'SOLICIT', 'offer', 'REQUEST', '00030001525400000001'],
    );
    const { text, facts } = describeDhcp6Result(result);
    assert.equal(text, `${result.addresses[0]} from 00030001525400000001; ${rootPath}`);
    assert.equal(JSON.parse(JSON.stringify(facts)).rootPath, rootPath);
    assert.equal(link.openSockets, 0);
    assert.equal(link.clock.pending, 0);
  });

  test('without an address to be given asks for the disk alone (RFC 8415 §18.2.6)', async () => {
    const link = new SimulatedLink(rootPath);
    const { running, steps } = run(link, { mode: 'stateless' });
    const result = await link.finish(running);
    await result.held[Symbol.asyncDispose]();
    assert.deepEqual(result.addresses, []);
    assert.equal(result.rootPath?.targetName, 'iqn.2001-04.com.example:disk');
    assert.match(steps.join('\n'), /INFORMATION-REQUEST on eth0\nanswer of .*, boot file URL "iscsi:/);
  });

  test('a URL that is not of iSCSI is for other clients, a broken one of iSCSI is an error', async () => {
    const other = new SimulatedLink('tftp://[2001:db8::1]/loader');
    const { running, steps } = run(other);
    const result = await other.finish(running);
    await result.held[Symbol.asyncDispose]();
    assert.deepEqual([result.rootPath, result.bootFileUrl], [undefined, 'tftp://[2001:db8::1]/loader']);
    assert.match(steps.at(-1) ?? '', /for other clients/);

    const broken = new SimulatedLink('iscsi:2001:db8::1::::iqn.2001-04.com.example:disk');
    await assert.rejects(broken.finish(run(broken).running), { code: 'ROOT_PATH_SERVER' });
    assert.equal(broken.openSockets, 0);
  });

  test('a broken URL of iSCSI is passed over where the user has named the disk', async () => {
    const broken = new SimulatedLink('iscsi:2001:db8::1::::iqn.2001-04.com.example:disk');
    const { running, steps } = run(broken, { known: ['rootPath'] });
    const result = await broken.finish(running);
    await result.held[Symbol.asyncDispose]();
    assert.deepEqual([result.rootPath, result.bootFileUrl], [undefined, undefined]);
    assert.equal(result.domainNameServers.length, 1);
    const server = '00030001525400000001';
    assert.match(
      steps.join('\n'),
      new RegExp(`\\noption 59 \\(boot file URL\\) of the Reply of ${server} is passed over, .*ROOT_PATH_SERVER`),
    );
  });

  test('waits until the interface has an address to ask from', async () => {
    const link = new SimulatedLink(rootPath, [{ ...linkLocal, state: 'tentative' }]);
    link.clock.after(1500, () => link.set(linkLocal.address, 'preferred'));
    const result = await link.finish(run(link).running);
    await result.held[Symbol.asyncDispose]();
    assert.ok(link.clock.monotonic() >= 1500);

    const off = new SimulatedLink(rootPath, []);
    await assert.rejects(off.finish(run(off).running, 10_100), { code: 'BOOT_IPV6_UNAVAILABLE' });
  });

  test('ends in time when nobody answers, and at once when it is told to', async () => {
    const silent = new SimulatedLink(rootPath);
    silent.isSilent = true;
    await assert.rejects(silent.finish(run(silent).running, 10_100), { code: 'DHCP6_NO_ANSWER' });
    assert.deepEqual([silent.openSockets, silent.clock.pending], [0, 0]);

    const abort = new AbortController();
    const { running } = run(silent, { signal: abort.signal });
    await settled();
    abort.abort();
    await assert.rejects(running, { code: 'ABORTED' });
    assert.deepEqual([silent.openSockets, silent.clock.pending], [0, 0]);
  });

  test('prolongs the lease while it is held, and says when it is lost', async () => {
    const link = new SimulatedLink(rootPath);
    const { held } = await link.finish(run(link).running);
    for (let hour = 0; hour < 5; hour++) await link.clock.pass(3_600_000);
    assert.equal(held.lost.aborted, false);
    link.isSilent = true;
    for (let minute = 0; minute < 70; minute++) await link.clock.pass(60_000);
    assert.equal(held.lost.aborted, true);
    assert.equal(held.lost.reason.code, 'DHCP6_LEASE_LOST');
    await held[Symbol.asyncDispose]();
    assert.deepEqual([link.openSockets, link.clock.pending], [0, 0]);
  });
});

describe('the addresses of the lease', () => {
  async function configure(link: SimulatedLink) {
    const steps: string[] = [];
    const given = await link.finish(run(link).running);
    await using cleanup = new AsyncDisposableStack();
    cleanup.use(given.held);
    const trace = { step: (text: string) => void steps.push(text) };
    const configuring = configureIpv6(options(link), given, link.machine, cleanup, trace);
    configuring.catch(() => {});
    let result: Dhcp6Result | undefined;
    try {
      result = await link.finish(configuring);
      assert.equal(usableIpv6(link.interface)[0]?.address, result.addresses[0]);
    } finally {
      await cleanup.disposeAsync();
    }
    return { given, result, steps };
  }

  test('are set with a prefix of 128 for the boot (RFC 8415 §18.2.10.1)', async () => {
    const link = new SimulatedLink(rootPath);
    const { result, steps } = await configure(link);
    const [address] = result.addresses;
    assert.deepEqual(link.settings, [`+${address}/128 on eth0`, `-${address}/128 on eth0`]);
    assert.deepEqual(steps, [`eth0 has ${address}/128 for this boot`]);
  });

  test('are declined when somebody else has them, and others asked for (RFC 8415 §18.2.8)', async () => {
    const link = new SimulatedLink(rootPath);
    const first = await link.finish(run(link).running);
    await first.held[Symbol.asyncDispose]();
    const [taken = ip('::')] = first.addresses;
    link.elsewhere.add(taken);
    const { given, result } = await configure(link);
    assert.deepEqual(given.addresses, [taken]);
    assert.notDeepEqual(result.addresses, [taken]);
    assert.deepEqual(link.settings.slice(0, 2), [`+${taken}/128 on eth0`, `-${taken}/128 on eth0`]);
  });

  test('that are all taken end in one error', async () => {
    const link = new SimulatedLink(rootPath);
    for (let last = 0x100; last < 0x200; last++) link.elsewhere.add(`2001:db8::${last.toString(16)}`);
    await assert.rejects(configure(link), { code: 'DHCP6_ADDRESS_IN_USE' });
    assert.deepEqual([link.openSockets, link.clock.pending], [0, 0]);
  });

  test('that the interface has already are left alone', async () => {
    const link = new SimulatedLink(rootPath);
    const first = await link.finish(run(link).running);
    await first.held[Symbol.asyncDispose]();
    for (const address of first.addresses) link.set(address, 'preferred', 128);
    await configure(link);
    assert.deepEqual(link.settings, []);
  });
});

describe('IPv6 without DHCP', () => {
  test('the address that reaches furthest is the one to use', () => {
    const ipv6: Ipv6InterfaceAddress[] = [
      linkLocal,
      { address: ip('2001:db8::9'), prefix: 64, state: 'deprecated' },
      { address: ip('2001:db8::a'), prefix: 64, state: 'tentative' },
      { address: ip('2001:db8::b'), prefix: 64, state: 'duplicate' },
      { address: ip('fd00::7'), prefix: 64, state: 'preferred' },
      { address: ip('2001:db8::8'), prefix: 64, state: 'preferred' },
      { address: ip('::1'), prefix: 128, state: 'preferred' },
    ];
    assert.deepEqual(
      usableIpv6({ ipv6 }).map(({ address, scope }) => `${address} ${scope}`),
      ['2001:db8::8 global', 'fd00::7 unique-local', `${linkLocal.address} link-local`],
    );
    assert.deepEqual(usableIpv6({ ipv6: [] }), []);
  });

  test('autoconfiguration is waited for, but not for ever (RFC 4862 §5.5)', async () => {
    const link = new SimulatedLink(undefined);
    const { signal } = new AbortController();
    const awaited = {
      ...{ network: link, clock: link.clock, interface: 'eth0', timeout: 4000, signal },
      scopes: ['global', 'unique-local'],
    } as const;
    await assert.rejects(link.finish(awaitUsableIpv6(awaited), 4100), { code: 'BOOT_IPV6_UNAVAILABLE' });
    link.clock.after(2000, () => link.set('2001:db8::5054:ff:fe42:1', 'preferred'));
    const usable = await link.finish(awaitUsableIpv6(awaited));
    assert.deepEqual(usable, { address: '2001:db8::5054:ff:fe42:1', scope: 'global' });
    assert.equal(link.clock.pending, 0);
  });
});
