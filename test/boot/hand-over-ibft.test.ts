/** What a boot leaves in its boot firmware table. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ibftOf } from '../../src/boot/hand-over-ibft.ts';
import { leasedByDhcp6, leasedNetwork } from '../../src/boot/leased-network.ts';
import type { WayToDisk } from '../../src/boot/way-to-disk.ts';
import { parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { BootOperation, dhcpMessage } from '../../src/dhcp/message.ts';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { decodeIbft, encodeIbft, PrefixOrigin } from '../../src/ibft/index.ts';

const mac = parseMac('52:54:00:42:00:01');
const chap = {
  initiator: { name: 'alice', secret: Uint8Array.from(Buffer.from('correct horse')) },
  target: { name: 'disk', secret: Uint8Array.from(Buffer.from('battery staple')) },
};
const way: WayToDisk = {
  initiatorName: 'iqn.2001-04.com.example:pc',
  targetName: 'iqn.2001-04.com.example:disk',
  lun: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0),
  local: { address: '192.0.2.50', port: 40_000 },
  remote: { address: '192.0.2.1', port: 3261 },
  interface: {
    name: 'eth0',
    mac,
    up: true,
    ipv4: [
      { address: parseIpv4('198.51.100.1'), prefix: 28 },
      { address: parseIpv4('192.0.2.50'), prefix: 24 },
    ],
    ipv6: [{ address: parseIpv6('fe80::1'), prefix: 64, state: 'preferred' }],
  },
  pci: undefined,
  lease: undefined,
  isnsServer: undefined,
  slpServer: undefined,
  chap: undefined,
  second: undefined,
};

test('the session’s two ends, the disk and the names; an address that nobody leased is to be kept', () => {
  const { initiator, nics, targets } = ibftOf(way);
  assert.equal(initiator?.name, 'iqn.2001-04.com.example:pc');
  const [nic] = nics;
  assert.deepEqual([nic?.address, nic?.prefix, nic?.origin], ['192.0.2.50', 24, PrefixOrigin.manual]);
  assert.deepEqual([nic?.mac, nic?.global, nic?.gateway, nic?.dhcpServer], [mac, true, undefined, undefined]);
  const [target] = targets;
  assert.deepEqual([target?.address, target?.port, target?.name], ['192.0.2.1', 3261, 'iqn.2001-04.com.example:disk']);
  assert.deepEqual([target?.lun, target?.chap, target?.reverseChap], [way.lun, undefined, undefined]);
  for (const block of [initiator, nic, target]) assert.deepEqual([block?.valid, block?.bootSelected], [true, true]);
});

test('what DHCP said of the network', () => {
  const options = new OptionList();
  options.set(Option.hostName, 'pc').set(
    Option.domainNameServers,
    ['192.0.2.53', '192.0.2.54', '192.0.2.55'].map((each) => parseIpv4(each)),
  );
  const reply = dhcpMessage({ op: BootOperation.reply, options });
  const lease = leasedNetwork({ reply, serverIdentifier: parseIpv4('192.0.2.2') }, parseIpv4('192.0.2.254'));
  const [nic] = ibftOf({ ...way, lease }).nics;
  assert.deepEqual([nic?.origin, nic?.dhcpServer, nic?.gateway], [PrefixOrigin.dhcp, '192.0.2.2', '192.0.2.254']);
  assert.deepEqual([nic?.primaryDns, nic?.secondaryDns, nic?.hostName], ['192.0.2.53', '192.0.2.54', 'pc']);
});

test('what DHCPv6 said of the network: its name servers', () => {
  const nameServers = ['2001:db8::53', '2001:db8::54'].map((each) => parseIpv6(each));
  const [nic] = ibftOf({ ...way, lease: leasedByDhcp6(nameServers) }).nics;
  assert.deepEqual([nic?.primaryDns, nic?.secondaryDns], nameServers);
  assert.deepEqual([nic?.origin, nic?.gateway, nic?.dhcpServer], [PrefixOrigin.dhcp, undefined, undefined]);
});

test('the card’s place on the bus, and the discovery services that are known', () => {
  const pci = { bus: 1, device: 2, function: 3 };
  const services = { isnsServer: parseIpv4('192.0.2.7'), slpServer: parseIpv6('2001:db8::427') };
  const table = ibftOf({ ...way, pci, ...services });
  assert.deepEqual(table.nics[0]?.pci, pci);
  assert.deepEqual([table.initiator?.isnsServer, table.initiator?.slpServer], Object.values(services));
  assert.deepEqual(ibftOf(way).nics[0]?.pci, { bus: 0, device: 0, function: 0 });
});

test('a second disk is the second target, valid and not the one that was booted from', () => {
  const lun = Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0);
  const remote = { address: '2001:db8::5', port: 3262 };
  const second = { remote, targetName: 'iqn.2001-04.com.example:mirror', lun };
  const table = ibftOf({ ...way, chap, second });
  assert.equal(table.targets.length, 2);
  const [first, other] = table.targets;
  assert.deepEqual([first?.index, first?.bootSelected, first?.name], [0, true, 'iqn.2001-04.com.example:disk']);
  assert.deepEqual([other?.index, other?.bootSelected, other?.valid], [1, false, true]);
  assert.deepEqual([other?.name, other?.address, other?.port], [second.targetName, remote.address, remote.port]);
  assert.deepEqual([other?.lun, other?.nicIndex, other?.chap], [lun, 0, chap.initiator]);
  assert.deepEqual(decodeIbft(encodeIbft(table)), table);
});

test('CHAP: what the initiator proves, and what the target has to', () => {
  const oneWay = ibftOf({ ...way, chap: { initiator: chap.initiator } });
  assert.deepEqual([oneWay.targets[0]?.chap, oneWay.targets[0]?.reverseChap], [chap.initiator, undefined]);
  const mutual = ibftOf({ ...way, chap });
  assert.deepEqual([mutual.targets[0]?.chap, mutual.targets[0]?.reverseChap], [chap.initiator, chap.target]);
});

test('an IPv6 link: its addresses without their zone, and not global', () => {
  const table = ibftOf({
    ...way,
    local: { address: 'fe80::1%eth0', port: 40_000 },
    remote: { address: 'fe80::2%eth0', port: 3260 },
  });
  const [nic] = table.nics;
  assert.deepEqual([nic?.address, nic?.prefix, nic?.global], ['fe80::1', 64, false]);
  assert.equal(table.targets[0]?.address, 'fe80::2');
  assert.deepEqual(decodeIbft(encodeIbft(table)), table);
});
