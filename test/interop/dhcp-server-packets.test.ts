/** Every kind of answer that the DHCP server sends, as Wireshark reads it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticationRequest } from '../../src/dhcp/authentication.ts';
import { type DhcpMessage, encodeMessage, MessageType, Option, OptionList } from '../../src/dhcp/index.ts';
import { ipxeDiscover, ovmfHttpDiscover, ovmfPxeDiscover } from '../dhcp/captures.ts';
import { anywhere, discover, initReboot, ip, mac, request, select, subnet, TestServer } from '../dhcp/support.ts';
import { PacketFile } from '../support/packet-file.ts';
import { requires } from '../support/requires.ts';

const rootPath = 'iscsi:192.0.2.1::::iqn.2024-01.com.example:disk';
const target = {
  ...{ address: ip('192.0.2.1'), port: 3260, lun: '0'.repeat(16) },
  targetName: 'iqn.2024-01.com.example:disk',
};
const everything = [1, 3, 6, 12, 15, 17, 28, 42, 43, 60, 66, 67, 78, 79, 83, 119, 121, 150, 203];
const noGroups = {
  functions: undefined,
  discoveryDomainAccess: undefined,
  administration: undefined,
  security: undefined,
};

const wide = {
  ...subnet,
  pool: { first: ip('192.0.2.10'), last: ip('192.0.2.99') },
  options: new OptionList()
    .set(Option.domainSearch, ['lab.example.com', 'example.com'])
    .set(Option.slpDirectoryAgents, { mandatory: false, addresses: [ip('192.0.2.1'), ip('192.0.2.7')] })
    .set(Option.slpServiceScope, { mandatory: false, scopes: ['DEFAULT', 'LAB'] })
    .set(Option.isns, { ...noGroups, heartbeat: undefined, servers: [ip('192.0.2.1')] }),
};
const server = new TestServer({
  subnets: [wide],
  authoritative: true,
  authenticationKeys: [{ secretIdentifier: 7, secret: Buffer.alloc(16, 7), client: undefined }],
  bootFor: () => ({
    ...{ rootPath, target, initiatorName: 'iqn.2024-01.com.example:machine', hostName: 'machine' },
    ...{ bootFile: 'undionly.kpxe', nextServer: ip('192.0.2.1') },
    chap: { username: 'in', password: 'a-secret-of-16-bytes' },
  }),
});

async function answer(question: DhcpMessage | Uint8Array): Promise<Uint8Array> {
  const datagram = question instanceof Uint8Array ? question : encodeMessage(question);
  const reply = await server.server.receive(datagram, anywhere, server.now);
  assert.ok(reply, JSON.stringify(server.events.at(-1)));
  return reply.data;
}

function asking(from: number, options: (list: OptionList) => unknown = () => {}): DhcpMessage {
  return discover(mac(from), (list) => {
    list.set(Option.parameterRequestList, everything);
    options(list);
  });
}

test('Wireshark finds no fault with what the DHCP server sends', async (t) => {
  if (!requires(t, 'tshark')) return;
  const questions: readonly (DhcpMessage | Uint8Array)[] = [
    ...[ipxeDiscover, ovmfPxeDiscover, ovmfHttpDiscover],
    asking(1),
    select(ip('192.0.2.50'), mac(1)),
    asking(2, (list) => list.set(Option.vendorClass, 'BRCM ISAN')),
    asking(3, (list) => list.set(Option.vendorClass, 'Emulex')),
    asking(4, (list) => list.setRaw(61, Uint8Array.of(1, 2, 3)).setRaw(82, Uint8Array.of(1, 2, 0, 9))),
    asking(5, (list) => list.setRaw(Option.authentication.code, authenticationRequest(1n))),
    initReboot(ip('198.51.100.9'), mac(6)),
    request({ type: MessageType.inform, fields: { ciaddr: ip('192.0.2.77') } }),
    request({ from: mac(7) }),
    request({ from: mac(8), fields: { vendorArea: new Uint8Array(64) } }),
  ];
  const datagrams: Uint8Array[] = [];
  for (const question of questions) datagrams.push(await answer(question));
  const file = new PacketFile(t, datagrams, { from: 67, to: 68 });
  assert.deepEqual(file.complaints(), []);
  const { offer, ack, nak } = MessageType;
  const types = file.fields('dhcp.option.dhcp', 'dhcp.option.dhcp').map(Number);
  assert.deepEqual(types, [offer, offer, offer, offer, ack, offer, offer, offer, offer, nak, ack]);
  assert.equal(file.fields('dhcp', 'frame.number').length, datagrams.length, 'those without a type are BOOTP');
});

test('Wireshark reads options that stand in file and sname', async (t) => {
  if (!requires(t, 'tshark')) return;
  const long = new TestServer({
    subnets: [{ ...subnet, domainName: `${'x'.repeat(20)}.example.com` }],
    bootFor: () => ({ rootPath: `iscsi:192.0.2.1::::iqn.2024-01.com.example:${'d'.repeat(50)}` }),
  });
  const question = discover(mac(1), (list) => {
    list.set(Option.parameterRequestList, [17, 15, 6, 3]).set(Option.maximumMessageSize, 576);
    list.setRaw(61, new Uint8Array(200).fill(7)).setRaw(82, Uint8Array.of(1, 18, ...new Uint8Array(18)));
  });
  const reply = await long.server.receive(encodeMessage(question), anywhere, 0);
  assert.ok(reply);
  const file = new PacketFile(t, [reply.data], { from: 67, to: 68 });
  assert.deepEqual(file.complaints(), []);
  const [line = ''] = file.fields('dhcp', 'dhcp.option.option_overload', 'dhcp.option.root_path');
  const [overload, path] = line.split('\t');
  assert.match(overload ?? '', /^[123]$/);
  assert.match(path ?? '', /^iscsi:/);
});
