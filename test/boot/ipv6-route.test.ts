/** The wait for a router that advertises a way to the server, on a simulated clock. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { awaitIpv6Route, knownHost, reachByAutoconfiguration, reachByIpv6 } from '../../src/boot/ipv6-route.ts';
import { routerSolicitation } from '../../src/boot/router-solicitation.ts';
import { DisklessError, type Ipv6Address, type MacAddress, parseIpv6 } from '../../src/bytes/index.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';
import { isRouterSolicitation } from '../../src/server/router-solicitation.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const mac = '52:54:00:12:34:56' as MacAddress;
const linkLocal = parseIpv6('fe80::5054:ff:fe12:3456');
const given = parseIpv6('2001:db8::123');
const host = parseIpv6('2001:db8::1');

const chosen = { name: 'eth0', mac, up: true, ipv4: [], ipv6: [] };

/** A machine whose routes a test sets, and what it says to routers, each with its time. */
class RoutedMachine {
  readonly clock = new SimulatedClock();
  readonly solicited: number[] = [];
  readonly steps: string[] = [];
  source: Ipv6Address | undefined;
  canSend = true;

  readonly ipv6SourceTowards = async (asked: Ipv6Address) => {
    assert.equal(asked, host);
    return this.source;
  };

  readonly sendIcmpv6 = (name: string, message: Uint8Array, to: Ipv6Address) => {
    assert.deepEqual(
      [name, to, Buffer.from(message).toString('hex')],
      ['eth0', 'ff02::2', '85000000000000000101525400123456'],
    );
    this.solicited.push(this.clock.monotonic());
    return this.canSend;
  };

  wait(timeout: number, { signal } = new AbortController()) {
    const { clock } = this;
    const options = { host, interface: chosen, machine: this, clock, random: () => 0.5, timeout, signal };
    const waiting = awaitIpv6Route(options, { step: (text) => this.steps.push(text) });
    waiting.catch(() => {});
    return waiting;
  }

  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) await this.clock.pass(50);
  }
}

describe('a route over IPv6', () => {
  test('that is there is not waited for, and no router is asked', async () => {
    const machine = new RoutedMachine();
    machine.source = given;
    await machine.wait(1000);
    assert.deepEqual([machine.steps, machine.solicited, machine.clock.pending], [[], [], 0]);
  });

  test('is asked for at once and then at about twice the interval before (RFC 7559 §2)', async () => {
    const machine = new RoutedMachine();
    const waiting = machine.wait(60_000);
    const start = machine.clock.monotonic();
    await machine.pass(29_000);
    assert.deepEqual(
      machine.solicited.map((time) => time - start),
      [0, 4000, 12_000, 28_000],
    );
    machine.source = given;
    await machine.pass(50);
    await waiting;
    assert.deepEqual(machine.steps, [
      `no route to ${host} yet: waiting for a router to advertise one`,
      ...Array<string>(4).fill('ROUTER SOLICITATION on eth0'),
      `there is a route to ${host}`,
    ]);
    assert.equal(machine.clock.pending, 0);
  });

  test('from a link-local address is none: autoconfiguration has not made one that reaches further', async () => {
    const machine = new RoutedMachine();
    machine.source = linkLocal;
    const waiting = machine.wait(5000);
    await machine.pass(1000);
    assert.equal(machine.clock.pending, 1);
    machine.source = given;
    await machine.pass(50);
    await waiting;
  });

  test('that nobody advertises is given up in time, and at once when it is told to', async () => {
    const machine = new RoutedMachine();
    machine.canSend = false;
    const waiting = machine.wait(3020);
    await machine.pass(3000);
    assert.equal(machine.clock.pending, 1);
    await machine.pass(50);
    await assert.rejects(waiting, { code: 'BOOT_IPV6_NO_ROUTE' });
    assert.deepEqual(machine.steps.slice(1), ['ROUTER SOLICITATION on eth0 cannot be sent']);

    const control = new AbortController();
    const other = machine.wait(3000, control);
    await machine.pass(100);
    control.abort(new Error('enough'));
    await assert.rejects(other, /enough/);
    assert.equal(machine.clock.pending, 0);
  });
});

test('a solicitation has the address of the card, and is one that a router answers (RFC 4861 §4.1)', () => {
  assert.ok(isRouterSolicitation({ message: routerSolicitation(mac), source: linkLocal, hopLimit: 255 }));
});

test('the host that is known before anybody is asked is the server, or where the boot file is', () => {
  const url = 'tftp://[2001:db8:0::7]/loader';
  for (const [server, bootFileUrl, expected] of [
    ['[2001:DB8::1]', url, '2001:db8::1'],
    [undefined, url, '2001:db8::7'],
    [undefined, 'http://[2001:db8::7]:8080/loader', '2001:db8::7'],
    [undefined, 'http://boot.example.com/loader', 'boot.example.com'],
    [undefined, 'iscsi:boot', undefined],
    [undefined, undefined, undefined],
    ['192.0.2.1', url, '192.0.2.1'],
    ['boot.example.com', url, 'boot.example.com'],
  ]) {
    assert.equal(knownHost(server === undefined ? undefined : parseServerName(server), bootFileUrl), expected);
  }
});

/** On a machine that has its way, and the addresses that it is asked for a way to. */
function watchedRouting() {
  const machine = new RoutedMachine();
  machine.source = given;
  const asked: Ipv6Address[] = [];
  const ipv6SourceTowards = (each: Ipv6Address) => {
    asked.push(each);
    return machine.ipv6SourceTowards(each);
  };
  const { clock } = machine;
  const { signal } = new AbortController();
  const routing = {
    ...{ interface: chosen, machine: { ...machine, ipv6SourceTowards }, clock, random: () => 0.5 },
    ...{ timeout: 1000, signal },
  };
  return { asked, routing };
}

test('a host is reached at its first IPv6 address that routes lead to, and others are not waited for', async () => {
  for (const [name, addresses, awaited] of [
    ['2001:db8:0::1', ['2001:db8:0::1'], [host]],
    ['boot.example.com', ['192.0.2.1', '2001:db8::1', '2001:db8::2'], [host]],
    ['boot.example.com', ['fe80::1', '2001:db8::1'], [host]],
    ['192.0.2.1', ['192.0.2.1'], []],
    ['fe80::1', ['fe80::1'], []],
    ['nowhere.example.com', undefined, []],
  ] as const) {
    const { asked, routing } = watchedRouting();
    const resolve = async (text: string) => {
      assert.equal(text, name);
      if (addresses === undefined) throw new DisklessError('NETWORK_NAME_UNKNOWN', 'nobody knows it');
      return [...addresses];
    };
    await reachByIpv6({ resolve }, () => routing)(name, { step: assert.fail });
    assert.deepEqual(asked, awaited);
  }
});

test('without DHCP only a host that is given by its address of IPv6 is waited for', async () => {
  const { asked, routing } = watchedRouting();
  const reach = reachByAutoconfiguration(() => routing);
  for (const name of ['boot.example.com', '192.0.2.1', 'fe80::1', host]) await reach(name, { step: assert.fail });
  assert.deepEqual(asked, [host]);
});
