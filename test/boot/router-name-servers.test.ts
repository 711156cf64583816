/** The wait for a router that names a name server (RFC 8106 §5.1). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RouterNameServers } from '../../src/boot/router-name-servers.ts';
import { DisklessError, type MacAddress, parseIpv6 } from '../../src/bytes/index.ts';
import type { HeardIcmpv6, Icmpv6Wanted } from '../../src/os/icmpv6-socket.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const header = '86000000 4000 0000 00000000 00000000';
const one = '19 03 0000 00000708 20010db8000000000000000000000053';
const two = '19 05 0000 00000e10 20010db8000000000000000000000054 20010db8000000000000000000000055';
const short = '19 03 0000 0000000a 20010db8000000000000000000000056';
const lasting = '19 03 0000 ffffffff 20010db8000000000000000000000057';
const gone = '19 03 0000 00000000 20010db8000000000000000000000053';
const onLink = '19 03 0000 00000708 fe800000000000000000000000000053';

function heard(...parts: string[]): HeardIcmpv6 {
  const message = new Uint8Array(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));
  return { message, source: parseIpv6('fe80::1'), hopLimit: 255 };
}

/** A link whose routers say what a test has them say. */
class Link {
  readonly clock = new SimulatedClock();
  readonly steps: string[] = [];
  hear: ((heard: HeardIcmpv6) => void) | undefined;
  solicitations = 0;

  readonly machine = {
    hearIcmpv6: (wanted: Icmpv6Wanted, hear: (heard: HeardIcmpv6) => void) => {
      assert.deepEqual(wanted, { interface: 'eth0', type: 134, group: 'ff02::1' });
      this.hear = hear;
      return {
        [Symbol.dispose]: () => {
          this.hear = undefined;
        },
      };
    },
    sendIcmpv6: () => {
      this.solicitations++;
      return true;
    },
  };

  readonly trace = { step: (text: string) => void this.steps.push(text) };

  listen(machine = this.machine): RouterNameServers {
    const chosen = { name: 'eth0', mac: '52:54:00:12:34:56' as MacAddress, up: true, ipv4: [], ipv6: [] };
    const { clock, trace } = this;
    const { signal } = new AbortController();
    return new RouterNameServers({ interface: chosen, machine, clock, random: () => 0.5, signal }, trace);
  }

  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) await this.clock.pass(50);
  }
}

describe('routers', () => {
  test('that have said what name servers there are need not be asked', async () => {
    const link = new Link();
    using servers = link.listen();
    link.hear?.(heard(header, one, two));
    link.hear?.(heard(header, gone, onLink));
    await servers.find(1000, link.trace);
    assert.deepEqual(servers.addresses, ['2001:db8::54', '2001:db8::55', 'fe80::53']);
    assert.equal(link.solicitations, 0);
    assert.deepEqual(link.steps, ['a router names the name server 2001:db8::54, 2001:db8::55, fe80::53']);
  });

  test('name servers for a time, counted from the last advertisement (RFC 8106 §5.1)', async () => {
    const link = new Link();
    using servers = link.listen();
    link.hear?.(heard(header, short, one, lasting));
    await link.clock.pass(9_000);
    link.hear?.(heard(header, short));
    await link.clock.pass(9_999);
    assert.deepEqual(servers.addresses, ['2001:db8::56', '2001:db8::53', '2001:db8::57']);
    await link.clock.pass(1);
    assert.deepEqual(servers.addresses, ['2001:db8::53', '2001:db8::57']);
    await link.clock.pass(1_800_000);
    assert.deepEqual(servers.addresses, ['2001:db8::57']);
    link.hear?.(heard(header, lasting.replace('ffffffff', '00000000')));
    assert.deepEqual(servers.addresses, []);
  });

  test('whose name servers are all past are asked again', async () => {
    const link = new Link();
    using servers = link.listen();
    link.hear?.(heard(header, short));
    await link.clock.pass(10_000);
    const finding = servers.find(60_000, link.trace);
    await link.pass(100);
    assert.equal(link.solicitations, 1);
    for (let last = 0x10; last < 0x18; last++) link.hear?.(heard(header, short.replace(/56$/, last.toString(16))));
    await link.pass(50);
    await finding;
    assert.equal(servers.addresses.length, 8);
    await link.clock.pass(10_000);
    link.hear?.(heard(header, one));
    assert.deepEqual(servers.addresses, ['2001:db8::53'], 'what is past takes no place');
  });

  test('are asked and waited for, and name no more servers than anybody needs', async () => {
    const link = new Link();
    using servers = link.listen();
    const finding = servers.find(60_000, link.trace);
    await link.pass(1000);
    assert.equal(link.solicitations, 1);
    for (let last = 0x10; last < 0x30; last++) link.hear?.(heard(header, one.replace(/53$/, last.toString(16))));
    await link.pass(50);
    await finding;
    assert.equal(servers.addresses.length, 8);
    assert.equal(link.clock.pending, 0);
  });

  test('that name none are given up after three solicitations', async () => {
    const link = new Link();
    const servers = link.listen();
    const finding = servers.find(60_000, link.trace);
    await link.pass(12_050);
    await finding;
    assert.deepEqual(link.steps.slice(-1), ['no router names a name server']);
    servers[Symbol.dispose]();
    assert.deepEqual([link.hear, link.clock.pending], [undefined, 0]);
  });

  test('that cannot be heard are not waited for', async () => {
    const link = new Link();
    const hearIcmpv6 = () => {
      throw new DisklessError('NETWORK_PORT_FORBIDDEN', 'only root may');
    };
    using servers = link.listen({ ...link.machine, hearIcmpv6 });
    await servers.find(60_000, link.trace);
    assert.deepEqual(link.steps, ['what routers advertise is not heard: only root may']);
  });
});
