/** `diskless boot` against servers that lie, stall and trickle: each ends in one clear error of its own, within the time that was given. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { LoginStatus } from '../../src/iscsi/pdu.ts';
import { encodeMessage as encodeIsns, FunctionId, responseTo } from '../../src/isns/pdu.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeMessage, slpHeader } from '../../src/slp/index.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { encodePacket, Opcode } from '../../src/tftp/packet.ts';
import { runCli } from '../cli/run-cli.ts';
import { requires, root } from '../support/requires.ts';
import { ScriptedPeer } from '../support/scripted-target.ts';
import { HeldDevice } from '../target/held-device.ts';

const disk = 'iqn.2001-04.com.example:disk';
const loopback = '127.0.0.1';

/** A server of this test: its port. */
async function listening(t: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
  });
  server.listen(0, loopback);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Its one error line, when the program has ended by itself with `code` in time. */
async function failsWith(code: string, ...args: readonly string[]): Promise<string> {
  const { code: status, stdout, stderr } = await runCli(['boot', '--timeout', '6s', '--json', ...args]);
  assert.ok(status !== null && status !== 0, stderr);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  assert.equal(error.code, code, error.message);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  return error.message;
}

describe('servers that lie to the boot client', { concurrency: true }, () => {
  test('a target that takes the connection and says nothing', async (t) => {
    const port = await listening(t, createServer());
    await failsWith('BOOT_TARGET_SILENT', '--root-path', `iscsi:${loopback}::${port}::${disk}`);
  });

  test('a target that lets in and goes silent', async (t) => {
    const target = new Target({ name: disk, units: new Map([[0, new HeldDevice(1 << 20)]]) });
    const portal = await Portal.open({
      network: nodeNetwork,
      clock: systemClock,
      endpoint: { address: loopback, port: 0 },
      directory: openDirectory([target]),
    });
    t.after(() => portal.close());
    await failsWith('BOOT_TARGET_SILENT', '--root-path', `iscsi:${loopback}::${portal.endpoint.port}::${disk}`);
  });

  test('a target that sends on to itself', async (t) => {
    const listener = await nodeNetwork.listenTcp({ address: loopback, port: 0 }, (connection) => {
      const moved = { TargetAddress: `${loopback}:${listener.endpoint.port},1` };
      void new ScriptedPeer(connection).refuseLogin(LoginStatus.targetMovedTemporarily, moved);
    });
    t.after(() => listener.close());
    await failsWith('ISCSI_REDIRECTIONS', '--root-path', `iscsi:${loopback}::${listener.endpoint.port}::${disk}`);
  });

  test('an iSNS server that answers half and stalls', async (t) => {
    const payload = new Uint8Array(400);
    const functionId = responseTo(FunctionId.devAttrReg);
    const [pdu] = encodeIsns({ functionId, transactionId: 1, sender: 'server', replace: false, payload });
    assert.ok(pdu);
    const server = createServer((socket) => socket.once('data', () => socket.write(pdu.subarray(0, 200))));
    const address = `${loopback}:${await listening(t, server)}`;
    await failsWith('BOOT_DISCOVERY_TIMEOUT', '--dhcp', 'off', '--discovery', 'isns', '--isns-server', address);
  });

  test('an SLP agent with 64 KB of targets that are not there', async (t) => {
    if (!requires(t, root)) return;
    const address = '127.0.71.27';
    const agent = createSocket('udp4');
    agent.bind(427, address);
    await once(agent, 'listening');
    t.after(() => agent.close());
    const urls = Array.from({ length: 900 }, (_, index) => ({
      url: `service:iscsi:target://${loopback}:1/iqn.2001-04.com.example:${index}`,
      lifetime: 600,
      authenticationBlocks: [],
    }));
    agent.on('message', (request, from) => {
      const header = slpHeader({ xid: request.readUInt16BE(10), languageTag: 'en' });
      const reply = encodeMessage({ header, body: { kind: 'SrvRply', errorCode: 0, urls } });
      assert.ok(reply.length > 60_000 && reply.length < 65_508, `${reply.length} bytes`);
      if (request[1] === 1) agent.send(reply, from.port, from.address);
    });
    const asked = ['--dhcp', 'off', '--discovery', 'slp', '--slp-agent', address];
    const message = await failsWith('BOOT_EVERY_TARGET_FAILED', ...asked);
    assert.match(message, /^none of 64 targets/);
  });

  const software = ['--dhcp', 'off', '--root-path', `iscsi:${loopback}::1::${disk}`, '--software-stage'];

  test('an HTTP server that gives a byte a tenth of a second', async (t) => {
    const server = createHttpServer((_request, response) => {
      response.writeHead(200, { 'content-length': '100000' });
      const timer = setInterval(() => response.write('x'), 100);
      response.once('close', () => clearInterval(timer));
    });
    const url = `http://${loopback}:${await listening(t, server)}/loader`;
    const message = await failsWith('BOOT_SOFTWARE_TIMEOUT', ...software, url);
    assert.doesNotMatch(message, /\(0 bytes came\)/);
  });

  test('a TFTP server that gives a block of eight bytes a tenth of a second', async (t) => {
    const server = createSocket('udp4');
    server.bind(0, loopback);
    await once(server, 'listening');
    const timers = new Set<NodeJS.Timeout>();
    t.after(() => {
      for (const timer of timers) clearTimeout(timer);
      server.close();
    });
    server.on('message', (packet, from) => {
      const opcode = packet.readUInt16BE(0);
      const say = (answer: Uint8Array) => server.send(answer, from.port, from.address);
      if (opcode === Opcode.readRequest) {
        say(encodePacket({ opcode: Opcode.optionAck, options: new Map([['blksize', '8']]) }));
      } else if (opcode === Opcode.ack) {
        const block = packet.readUInt16BE(2) + 1;
        const next = encodePacket({ opcode: Opcode.data, block, data: new Uint8Array(8) });
        timers.add(setTimeout(() => say(next), 100));
      }
    });
    const url = `tftp://${loopback}:${server.address().port}/loader`;
    const message = await failsWith('BOOT_SOFTWARE_TIMEOUT', ...software, url);
    assert.doesNotMatch(message, /\(0 bytes came\)/);
  });
});
