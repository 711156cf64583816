import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ipv4Address } from '../../src/bytes/index.ts';
import type { Endpoint, UdpSocket } from '../../src/os/network.ts';
import { Loaders, loaderOf } from '../../src/server/loaders.ts';
import { TftpService, type TftpTransfer } from '../../src/server/tftp-service.ts';
import { decodePacket, encodePacket, Opcode, ReadClient } from '../../src/tftp/index.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedSegment } from '../support/simulated-segment.ts';

const address = '192.0.2.1' as Ipv4Address;
const machine = '192.0.2.50';
const server: Endpoint = { address, port: 69 };
const file = Uint8Array.from({ length: 5000 }, (_, at) => at % 251);

async function serve() {
  const clock = new SimulatedClock();
  const segment = new SimulatedSegment();
  const ended: TftpTransfer[] = [];
  const refused: (string | undefined)[] = [];
  const service = await TftpService.listen({
    address,
    port: server.port,
    network: segment.host(address),
    clock,
    loaders: new Loaders(new Map([['file', loaderOf(file, new Date(0))]])),
    onTransfer: (transfer) => ended.push(transfer),
    onRefused: (_client, fileName) => refused.push(fileName),
    onError: (error) => assert.fail(String(error)),
  });
  return { clock, segment, ended, refused, service };
}

type Served = Awaited<ReturnType<typeof serve>>;

/** A client that answers only when it is told to go on. */
class Machine {
  readonly received: Uint8Array[] = [];
  readonly #client: ReadClient;
  readonly #socket: UdpSocket;
  readonly #waiting: { readonly data: Uint8Array; readonly from: Endpoint }[] = [];

  constructor(socket: UdpSocket) {
    this.#client = new ReadClient({ server, fileName: 'file', blockSize: 512, windowSize: 2 });
    this.#socket = socket;
    socket.start({ message: (data, from) => this.#waiting.push({ data, from }), error: assert.fail });
    this.#perform(this.#client.start(0));
  }

  static async start({ segment }: Served): Promise<Machine> {
    return new Machine(await segment.host(machine).openUdp({ port: 0 }));
  }

  goOn(): void {
    for (const { data, from } of this.#waiting.splice(0)) this.#perform(this.#client.receive(data, from, 0));
  }

  #perform(actions: ReturnType<ReadClient['start']>): void {
    for (const action of actions) {
      if (action.type === 'send') this.#socket.send(action.data, action.to);
      if (action.type === 'data') this.received.push(action.data);
    }
  }
}

describe('the TFTP service', () => {
  test('serves a thousand at once by one timer, and keeps nothing', async () => {
    const served = await serve();
    const { clock, segment, ended, service } = served;
    const machines = await Promise.all(Array.from({ length: 1000 }, () => Machine.start(served)));
    await settled();
    assert.equal(segment.open, 1 + 2 * machines.length, 'a socket for each transfer');
    assert.equal(clock.pending, 1);
    while (ended.length < machines.length) {
      for (const one of machines) one.goOn();
      await settled();
      assert.ok(clock.pending <= 1);
    }
    for (const { received } of machines) assert.ok(Buffer.concat(received).equals(file));
    assert.equal(segment.open, 1 + machines.length);
    clock.advance(1000);
    assert.equal(clock.pending, 0, 'without transfers nothing is looked at');
    await service[Symbol.asyncDispose]();
    assert.equal(segment.open, machines.length);
  });

  test('sends again in time, and lets go of a machine that is gone', async () => {
    const served = await serve();
    const { clock, segment, ended } = served;
    await Machine.start(served);
    await settled();
    const before = segment.sent.length;
    await clock.pass(990);
    assert.equal(segment.sent.length, before);
    await clock.pass(60);
    assert.equal(segment.sent.length, before + 1);
    await clock.pass(60_000);
    assert.equal(ended[0]?.outcome.type, 'failed');
    assert.deepEqual([clock.pending, segment.open], [0, 2], 'the port and the machine’s own');
  });

  test('goes on with a transfer whose request came twice, the second time late', async () => {
    const served = await serve();
    const { segment, ended } = served;
    const one = await Machine.start(served);
    await settled();
    const [request] = segment.sent;
    assert.ok(request);
    for (let step = 0; step < 30; step++) {
      one.goOn();
      await settled();
      if (step === 3) {
        const again = segment.host(machine).openUdp({ port: request.from.port });
        (await again).send(request.data, request.to);
      }
    }
    assert.deepEqual(ended.map(({ outcome }) => outcome.type).sort(), ['aborted', 'complete']);
    assert.ok(Buffer.concat(one.received).equals(file));
  });

  test('tells a stranger at a transfer’s port that it is not meant', async () => {
    const served = await serve();
    const { segment } = served;
    const one = await Machine.start(served);
    await settled();
    const transfer = segment.sent[1]?.from ?? server;
    const stranger = await segment.host('192.0.2.66').openUdp({ port: 0 });
    stranger.send(encodePacket({ opcode: Opcode.ack, block: 0 }), transfer);
    await settled();
    const answer = decodePacket(segment.sent.at(-1)?.data ?? new Uint8Array());
    assert.ok(answer.opcode === Opcode.error && answer.code === 5);
    one.goOn();
    await settled();
    assert.equal(segment.sent.at(-1)?.to.address, machine, 'the transfer goes on');
  });

  test('gives nothing by any name that leads elsewhere', async () => {
    const { segment, refused } = await serve();
    const socket = await segment.host(machine).openUdp({ port: 0 });
    const names = [
      '../file',
      '..\\file',
      'a/../file',
      'a/..\\..\\file',
      '/../../etc/passwd',
      '\\..\\file',
      '%2e%2e/file',
      '%2e%2e%2ffile',
      '..%2ffile',
      '..%5cfile',
      '%252e%252e/file',
      '....//file',
      '.../file',
      '/etc/passwd',
      '//etc/passwd',
      'C:\\file',
      'C:file',
      '\\\\server\\share\\file',
      'file\n',
      'file ',
      'FILE',
      '\u{ff0e}\u{ff0e}/file',
      '\u{2025}/file',
      '__proto__',
      'constructor',
      '.',
      '..',
      '/',
      '',
      '~/file',
      'a'.repeat(400),
    ];
    const forms = names.flatMap((name) => [name, `./${name}`, `/tftpboot/${name}`]);
    const requests = forms.flatMap((fileName) =>
      ['octet', 'netascii'].map((mode) =>
        encodePacket({ opcode: Opcode.readRequest, fileName, mode, options: new Map() }),
      ),
    );
    // A NUL ends the name; what follows is read as mode and options.
    requests.push(Buffer.from('\0\x01file\0/../x\0octet\0', 'latin1'), Buffer.from('\0\x01..\0octet\0', 'latin1'));
    for (const request of requests) socket.send(request, server);
    await settled();
    const answers = segment.sent.filter(({ from }) => from.address === address).map(({ data }) => decodePacket(data));
    assert.deepEqual([...new Set(answers.map(({ opcode }) => opcode))], [Opcode.error]);
    assert.deepEqual([answers.length, refused.length], [requests.length, requests.length]);
  });
});
