import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type BootAnswer,
  type BootClient,
  type DhcpServerEvent,
  decodeMessage,
  encodeMessage,
  IpxeOption,
  IsanOption,
  MessageType,
  Option,
  type OptionList,
  ProxyDhcpServer,
  PxeOption,
  vendorOptions,
} from '../../src/dhcp/index.ts';
import { ipxeDiscover, ipxeRequest } from './captures.ts';
import { anywhere, discover, ip, mac, request, serverIdentifier, TestServer } from './support.ts';

const rootPath = 'iscsi:192.0.2.1::::iqn.2024-01.com.example:disk';
const initiatorName = 'iqn.2024-01.com.example:machine';

/** A boot server's policy in small: the disk for what can hook it, a loader for what cannot. */
function bootFor(client: BootClient): BootAnswer {
  if (client.kind === 'ipxe') return { rootPath, initiatorName };
  if (client.kind === 'http') return { bootFile: 'http://192.0.2.1/snponly.efi' };
  if (client.kind === 'pxe') return { nextServer: serverIdentifier, bootFile: 'undionly.kpxe' };
  return { rootPath, initiatorName, hostName: 'machine' };
}

const pxe = (vendorClass: string, architecture: number) => (list: OptionList) => {
  list.set(Option.vendorClass, vendorClass).set(Option.clientArchitecture, [architecture]);
  list.set(Option.parameterRequestList, [1, 3, 43, 60, 66, 67, 150]);
};

describe('a full DHCP server tells', () => {
  test('a PXE ROM its loader, in a form that it takes without asking further', async () => {
    const server = new TestServer({ bootFor });
    const asking = discover(mac(1), pxe('PXEClient:Arch:00000:UNDI:002001', 0));
    const { siaddr, file, options } = await server.expect(asking, MessageType.offer);
    assert.deepEqual({ siaddr, file }, { siaddr: serverIdentifier, file: 'undionly.kpxe' });
    assert.equal(options.get(Option.vendorClass), 'PXEClient');
    assert.equal(options.get(vendorOptions)?.get(PxeOption.discoveryControl), 8);
    assert.equal(options.get(Option.bootFileName), 'undionly.kpxe');
    assert.equal(options.get(Option.tftpServerName), '192.0.2.1');
    assert.deepEqual(options.get(Option.tftpServerAddresses), ['192.0.2.1']);
    assert.equal(options.has(Option.rootPath), false);
  });

  test('UEFI HTTP boot a URL', async () => {
    const server = new TestServer({ bootFor });
    const asking = discover(mac(1), pxe('HTTPClient:Arch:00016:UNDI:003001', 16));
    const { options } = await server.expect(asking, MessageType.offer);
    assert.equal(options.get(Option.vendorClass), 'HTTPClient');
    assert.equal(options.get(Option.bootFileName), 'http://192.0.2.1/snponly.efi');
    assert.equal(options.has(Option.vendorSpecific), false);
  });

  test('iPXE its disk and its name, in offer and ACK, with an empty file name and no wait for a proxy', async () => {
    const server = new TestServer({ bootFor });
    server.leases.save({
      ...{ address: ip('192.0.2.10'), clientKey: mac(0x99), hardwareAddress: mac(0x99), hostName: undefined },
      ...{ state: 'released', start: 0, expires: 0 },
    });
    for (const [capture, type] of [
      [ipxeDiscover, MessageType.offer],
      [ipxeRequest, MessageType.ack],
    ] as const) {
      const message = decodeMessage(capture);
      // The capture's machine was given 192.0.2.104.
      if (type === MessageType.ack) message.options.set(Option.requestedAddress, ip('192.0.2.11'));
      const answer = await server.expect(message, type);
      assert.equal(answer.file, '');
      assert.equal(answer.options.get(Option.rootPath), rootPath);
      assert.equal(answer.options.get(Option.initiatorName), initiatorName);
      assert.equal(answer.options.get(Option.ipxe)?.get(IpxeOption.noPxedhcp), 1);
      assert.equal(answer.options.has(Option.vendorClass), false, 'or iPXE would take it for a proxy offer');
      assert.equal(answer.options.has(Option.bootFileName), false);
    }
  });

  test('iPXE the secrets of its login', async () => {
    const chap = { username: 'in', password: 'secret', reverse: { username: 'out', password: 'other' } };
    const server = new TestServer({ bootFor: () => ({ rootPath, chap }) });
    const { options } = await server.expect(decodeMessage(ipxeDiscover), MessageType.offer);
    const ipxe = options.get(Option.ipxe);
    assert.equal(ipxe?.get(IpxeOption.username), 'in');
    assert.equal(ipxe?.get(IpxeOption.password), 'secret');
    assert.equal(ipxe?.get(IpxeOption.reverseUsername), 'out');
    assert.equal(ipxe?.get(IpxeOption.reversePassword), 'other');
  });

  test("UEFI's own iSCSI driver its disk in the offer already", async () => {
    const server = new TestServer({ bootFor });
    const asking = discover(mac(1), (list) => list.set(Option.parameterRequestList, [1, 3, 6, 17]));
    const { options } = await server.expect(asking, MessageType.offer);
    assert.equal(options.get(Option.rootPath), rootPath);
  });

  const target = {
    ...{ address: serverIdentifier, port: 3260, lun: '0'.repeat(16) },
    targetName: 'iqn.2024-01.com.example:disk',
  };

  for (const vendorClass of ['BRCM ISAN', 'QLGC ISAN']) {
    test(`a card of the vendor class ${vendorClass} its disk and its name inside option 43, with its own class`, async () => {
      const server = new TestServer({ bootFor: () => ({ rootPath, target, initiatorName }) });
      const asking = discover(mac(1), (list) => list.set(Option.vendorClass, vendorClass));
      const { options } = await server.expect(asking, MessageType.offer);
      assert.equal(options.get(Option.vendorClass), vendorClass);
      assert.equal(options.get(Option.rootPath), rootPath);
      const inside = options.get(vendorOptions);
      assert.equal(inside?.get(IsanOption.firstTarget), rootPath);
      assert.equal(inside.get(IsanOption.initiatorName), initiatorName);
    });
  }

  test('a card of Emulex its disk as one string', async () => {
    const text = async (changes: object) => {
      const server = new TestServer({ bootFor: () => ({ rootPath, target, ...changes }) });
      const asking = discover(mac(1), (list) => list.set(Option.vendorClass, 'Emulex OneConnect'));
      const { options } = await server.expect(asking, MessageType.offer);
      assert.equal(options.get(Option.vendorClass), 'Emulex OneConnect');
      return Buffer.from(options.get(Option.vendorSpecific) ?? []).toString();
    };
    const head = 'iscsi:"192.0.2.1":"3260":"0000000000000000":"iqn.2024-01.com.example:disk"';
    assert.equal(await text({}), `${head}::::`);
    const chap = { username: 'in', password: 'secret' };
    assert.equal(await text({ initiatorName, chap }), `${head}:"${initiatorName}":::"E"`);
    const reverse = { username: 'out', password: 'other' };
    assert.equal(await text({ chap: { ...chap, reverse } }), `${head}::::"M"`);
  });

  test('an operating system nothing of booting, unless it asks', async () => {
    const server = new TestServer({ bootFor });
    const quiet = await server.expect(discover(), MessageType.offer);
    for (const option of [Option.rootPath, Option.hostName, Option.initiatorName, Option.vendorClass, Option.ipxe]) {
      assert.equal(quiet.options.has(option), false, option.name);
    }
    assert.equal(quiet.file, '');
    const asking = discover(mac(1), (list) => list.set(Option.parameterRequestList, [1, 12, 17, 203, 121]));
    const { options } = await server.expect(asking, MessageType.offer);
    assert.equal(options.get(Option.rootPath), rootPath);
    assert.equal(options.get(Option.hostName), 'machine');
    assert.equal(options.get(Option.initiatorName), initiatorName);
  });

  test('a boot file too long for its field by option', async () => {
    const bootFile = `http://boot.example.com/${'x'.repeat(200)}`;
    const server = new TestServer({ bootFor: () => ({ bootFile }) });
    const answer = await server.expect(decodeMessage(ipxeDiscover), MessageType.offer);
    assert.equal(answer.file, '');
    assert.equal(answer.options.get(Option.bootFileName), bootFile);
  });

  test('a machine that boots nothing while its boot answer cannot be found, and a running one its address', async () => {
    const server = new TestServer({ bootFor: () => Promise.reject(new Error('no image')) });
    await server.expectSilence(decodeMessage(ipxeDiscover));
    assert.equal(server.events.at(-1)?.type, 'failed');
    await server.bind(mac(2));
    assert.equal(
      server.events.some(({ type }) => type === 'failed'),
      true,
    );
  });
});

describe('a proxyDHCP server', () => {
  const events: DhcpServerEvent[] = [];
  const proxy = new ProxyDhcpServer({ serverIdentifier, bootFor, onEvent: (event) => events.push(event) });
  const ask = async (message: Parameters<typeof encodeMessage>[0], port: 'server' | 'proxy', from = anywhere) => {
    const datagram = await proxy.receive(encodeMessage(message), from, port);
    return datagram === undefined ? undefined : { ...datagram, message: decodeMessage(datagram.data) };
  };

  test('offers a PXE ROM its loader and no address', async () => {
    const answer = await ask(discover(mac(1), pxe('PXEClient:Arch:00007:UNDI:003001', 7)), 'server');
    assert.deepEqual(answer?.to, { address: '255.255.255.255', port: 68 });
    const { yiaddr, siaddr, file, options } = answer.message;
    assert.deepEqual({ yiaddr, siaddr, file }, { yiaddr: '0.0.0.0', siaddr: serverIdentifier, file: 'undionly.kpxe' });
    assert.equal(options.get(Option.messageType), MessageType.offer);
    assert.equal(options.get(Option.vendorClass), 'PXEClient');
    assert.equal(options.get(vendorOptions)?.get(PxeOption.discoveryControl), 8);
    assert.equal(options.has(Option.leaseTime), false);
  });

  test('offers iPXE the disk, and gives it again when asked on port 4011', async () => {
    const offered = await ask(decodeMessage(ipxeDiscover), 'server');
    assert.equal(offered?.message.options.get(Option.rootPath), rootPath);
    assert.equal(offered.message.options.get(Option.vendorClass), 'PXEClient');
    assert.equal(offered.message.options.has(Option.ipxe), false, 'no-pxedhcp would make it ignore this very offer');
    assert.deepEqual(offered.message.options.raw(97), decodeMessage(ipxeDiscover).options.raw(97));
    const from = { address: '192.0.2.50', port: 68 };
    const again = await ask(decodeMessage(ipxeRequest), 'proxy', from);
    assert.deepEqual(again?.to, from);
    assert.equal(again.message.options.get(Option.messageType), MessageType.ack);
    assert.equal(again.message.options.get(Option.rootPath), rootPath);
  });

  test('leaves alone requests to the DHCP server, and everybody who does not boot', async () => {
    assert.equal(await ask(decodeMessage(ipxeRequest), 'server'), undefined);
    assert.equal(await ask(discover(), 'server'), undefined);
    assert.equal(await ask(request({ type: MessageType.release }), 'proxy'), undefined);
    assert.equal(await proxy.receive(new Uint8Array(3), anywhere, 'server'), undefined);
    assert.deepEqual(
      events.slice(-6).map((event) => (event.type === 'ignored' ? event.reason : event.type)),
      ['unexpected', 'received', 'no-boot', 'received', 'unexpected', 'malformed'],
    );
  });
});
