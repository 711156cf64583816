/** The DHCP stage against the servers of others: dnsmasq, ISC dhcpd, Kea and busybox's udhcpd. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IpxeOption, IsanOption, Option, vendorOptions } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { ip } from '../boot/simulated-lan.ts';
import { type OtherServer, otherServers } from '../support/dhcp-servers.ts';
import { NamespacePair, type RunningProgram } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

const mac = '52:54:00:12:34:56';
const program = new URL('../support/dhcp-stage-program.ts', import.meta.url).pathname;
const rootPath = 'iscsi:192.0.2.1::::iqn.2001-04.com.example:disk';
const initiatorName = 'iqn.2001-04.com.example:me';

function ipxeOptions(): OptionList {
  return new OptionList().set(IpxeOption.username, 'me').set(IpxeOption.password, 'secret-of-me');
}

/** Everything that the stage looks at. */
const everything = new OptionList()
  .set(Option.rootPath, rootPath)
  .set(Option.routers, [ip('192.0.2.254')])
  .set(Option.domainNameServers, [ip('192.0.2.53')])
  .set(Option.hostName, 'node1')
  .set(Option.domainName, 'example.com')
  .set(Option.domainSearch, ['example.com', 'lab.example.com'])
  .set(Option.interfaceMtu, 1400)
  .set(Option.classlessRoutes, [{ destination: ip('0.0.0.0'), prefix: 0, router: ip('192.0.2.253') }])
  .set(Option.slpDirectoryAgents, { mandatory: true, addresses: [ip('192.0.2.53')] })
  .set(Option.slpServiceScope, { mandatory: true, scopes: ['Boot'] })
  .setRaw(Option.isns.code, Buffer.from('00000000000000000000c0000264', 'hex'))
  .set(Option.ipxe, ipxeOptions())
  .set(Option.initiatorName, initiatorName);

interface Done {
  readonly address: string;
  readonly prefix: number;
  readonly [name: string]: unknown;
}

function ask(pair: NamespacePair, settings: object = {}): RunningProgram {
  return pair.program('client', program, { interface: 'client0', ...settings });
}

async function done(client: RunningProgram): Promise<Done> {
  const last = await client.message(({ type }) => type === 'done' || type === 'failed');
  assert.equal(last.type, 'done', JSON.stringify(last));
  return last.facts as Done;
}

/** Values without their origins. */
function valuesOf(parameters: unknown): Record<string, unknown> {
  const found = Object.entries(parameters as Record<string, { value: unknown }>);
  return Object.fromEntries(found.map(([name, { value }]) => [name, value]));
}

for (const [name, server] of Object.entries(otherServers) as [keyof typeof otherServers, OtherServer][]) {
  const needs = [...server.needs, 'ip', root, networkNamespaces];

  describe(name, () => {
    test('gives an address, the disk and everything else', async (t) => {
      if (!requires(t, ...needs)) return;
      using pair = new NamespacePair(`stage-${name}`, mac);
      await using _ = await server.start(pair, { options: new Map(everything) });
      await using client = ask(pair);
      const facts = await done(client);
      assert.match(facts.address, /^192\.0\.2\.1[0-5][0-9]$/);
      assert.deepEqual([facts.prefix, facts.server, facts.router], [24, '192.0.2.1', '192.0.2.253']);
      assert.deepEqual([facts.rootPath, facts.initiatorName, facts.chap], [rootPath, initiatorName, 'me']);
      assert.deepEqual(facts.origins, {
        rootPath: 'option 17 (root path) of the ACK of 192.0.2.1',
        initiatorName: 'option 203 (iSCSI initiator name) of the ACK of 192.0.2.1',
        chap: 'sub-options 190 to 193 of option 175 (iPXE) of the ACK of 192.0.2.1',
      });
      const { isns, ...parameters } = valuesOf(facts.parameters);
      assert.deepEqual(parameters, {
        routers: ['192.0.2.254'],
        classlessRoutes: [{ destination: '0.0.0.0', prefix: 0, router: '192.0.2.253' }],
        domainNameServers: ['192.0.2.53'],
        domainName: 'example.com',
        domainSearch: ['example.com', 'lab.example.com'],
        hostName: 'node1',
        interfaceMtu: 1400,
        slpDirectoryAgents: { mandatory: true, addresses: ['192.0.2.53'] },
        slpServiceScope: { mandatory: true, scopes: ['Boot'] },
      });
      assert.deepEqual(isns, { servers: ['192.0.2.100'] });
    });

    test('answers INFORM for the address that is there', async (t) => {
      if (!requires(t, ...needs)) return;
      using pair = new NamespacePair(`inform-${name}`, mac);
      pair.setClientAddress('192.0.2.77');
      await using _ = await server.start(pair, { options: new Map(everything) });
      await using client = ask(pair, { method: 'inform' });
      const facts = await done(client);
      assert.deepEqual([facts.address, facts.prefix, facts.leaseTime], ['192.0.2.77', 24, undefined]);
      assert.equal(facts.rootPath, rootPath);
    });
  });
}

for (const name of ['dnsmasq', 'dhcpd', 'kea'] as const) {
  test(`${name} answers BOOTP`, async (t) => {
    const server = otherServers[name];
    if (!requires(t, ...server.needs, 'ip', root, networkNamespaces)) return;
    using pair = new NamespacePair(`bootp-${name}`, mac);
    // The 64 bytes of a BOOTP message have no room for more.
    const rootPath = 'iscsi:192.0.2.1::::iqn.2001-04.ex:d';
    const options = new OptionList().set(Option.rootPath, rootPath);
    await using _ = await server.start(pair, { options: new Map(options), bootp: true });
    await using client = ask(pair, { method: 'bootp' });
    const facts = await done(client);
    assert.match(facts.address, /^192\.0\.2\.1[0-5][0-9]$/);
    assert.deepEqual([facts.rootPath, facts.prefix, facts.leaseTime], [rootPath, 24, undefined]);
  });
}

/** A vendor's form of option 43 under its vendor class, and what is read from it. */
const vendorForms = {
  dnsmasq: { vendorClass: 'BRCM ISAN', value: isanOptions() },
  dhcpd: {
    vendorClass: undefined,
    value: Buffer.from(`iscsi:"192.0.2.1":"3260":"0000000000000000":"iqn.2001-04.com.example:disk":"${initiatorName}"`),
  },
  kea: { vendorClass: 'QLGC ISAN', value: isanOptions() },
} as const;

function isanOptions(): Uint8Array {
  const list = new OptionList().set(IsanOption.firstTarget, rootPath).set(IsanOption.initiatorName, initiatorName);
  return vendorOptions.codec.encode(list);
}

for (const [name, { vendorClass, value }] of Object.entries(vendorForms)) {
  test(`${name} names the disk in option 43, in the form of ${vendorClass ?? 'Emulex'}`, async (t) => {
    const server = otherServers[name as keyof typeof vendorForms];
    if (!requires(t, ...server.needs, 'ip', root, networkNamespaces)) return;
    using pair = new NamespacePair(`vendor-${name}`, mac);
    const options = new OptionList([[Option.vendorSpecific.code, value]]);
    if (vendorClass !== undefined) options.set(Option.vendorClass, vendorClass);
    await using _ = await server.start(pair, { options: new Map(options) });
    await using client = ask(pair, { vendorClass });
    const facts = await done(client);
    assert.match(String(facts.rootPath), /^iscsi:192\.0\.2\.1:.*:iqn\.2001-04\.com\.example:disk$/);
    assert.equal(facts.initiatorName, initiatorName);
    assert.match(JSON.stringify(facts.origins), /option 43 of the ACK|in option 43 of the ACK/);
  });
}

for (const name of ['dhcpd', 'kea'] as const) {
  test(`a value of more than 255 bytes from ${name} is joined (RFC 3396 §5)`, async (t) => {
    const server = otherServers[name];
    if (!requires(t, ...server.needs, 'ip', root, networkNamespaces)) return;
    using pair = new NamespacePair(`long-${name}`, mac);
    const long = `iscsi:${'node.'.repeat(14)}example.com::::iqn.2001-04.com.example:${'disk-'.repeat(36)}`;
    assert.ok(long.length > 255);
    await using _ = await server.start(pair, { options: new Map(new OptionList().set(Option.rootPath, long)) });
    await using client = ask(pair);
    assert.equal((await done(client)).rootPath, long);
  });
}

for (const name of ['dhcpd', 'kea', 'udhcpd'] as const) {
  test(`a lease of ${name} is renewed while it is held`, async (t) => {
    const server = otherServers[name];
    if (!requires(t, ...server.needs, 'ip', root, networkNamespaces)) return;
    using pair = new NamespacePair(`renew-${name}`, mac);
    const options = new OptionList().set(Option.rootPath, rootPath).set(Option.renewalTime, 2);
    await using _ = await server.start(pair, { options: new Map(options), leaseTime: 60 });
    await using client = ask(pair);
    const { address } = await done(client);
    pair.setClientAddress(address);
    await client.message(({ text }) => text === `192.0.2.1 gives ${address} for longer`);
  });
}

test('when the server has gone, the end of the lease is one clear error', async (t) => {
  const server = otherServers.dhcpd;
  if (!requires(t, ...server.needs, 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('lost-dhcpd', mac);
  const options = new OptionList().set(Option.rootPath, rootPath);
  const running = await server.start(pair, { options: new Map(options), leaseTime: 4 });
  await using client = ask(pair);
  const { address } = await done(client);
  pair.setClientAddress(address);
  await running[Symbol.asyncDispose]();
  const lost = await client.message(({ type }) => type === 'lost');
  assert.equal(lost.code, 'DHCP_LEASE_LOST');
  assert.match(String(lost.message), new RegExp(`${address.replaceAll('.', '\\.')} on client0 is over`));
});
