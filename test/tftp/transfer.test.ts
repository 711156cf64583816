import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type AcceptedTransfer,
  decodePacket,
  type Endpoint,
  ErrorCode,
  encodePacket,
  Opcode,
  ReadClient,
  type ReadClientAction,
  type ReadClientOptions,
  type TftpAnswer,
  TftpServer,
} from '../../src/tftp/index.ts';
import { Alarm, type Faults, noFaults, SimulatedDatagrams } from '../support/simulated-datagrams.ts';

const server: Endpoint = { address: '192.0.2.1', port: 69 };
const client: Endpoint = { address: '192.0.2.50', port: 2000 };

function content(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >>> 8) * 7 + (at >>> 16)) & 0xff);
}

function serverOf(files: Record<string, Uint8Array>, mostTransfers?: number) {
  const closed: string[] = [];
  const open = (name: string) => {
    const bytes = files[name];
    if (bytes === undefined) return undefined;
    const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    return { size: bytes.length, read, close: () => closed.push(name) };
  };
  return { closed, server: new TftpServer({ open, ...(mostTransfers === undefined ? {} : { mostTransfers }) }) };
}

const readRequest = (fileName: string, options: Record<string, string> = {}, mode = 'octet') =>
  encodePacket({ opcode: Opcode.readRequest, fileName, mode, options: new Map(Object.entries(options)) });
const ack = (block: number) => encodePacket({ opcode: Opcode.ack, block });

function accepted(answer: TftpAnswer): AcceptedTransfer {
  assert.equal(answer.type, 'transfer');
  assert.ok(answer.type === 'transfer');
  return answer.accepted;
}

/** `DATA 3 (512)`, `OACK`, ... */
function names(packets: readonly Uint8Array[]): string[] {
  return packets.map((bytes) => {
    const packet = decodePacket(bytes);
    if (packet.opcode === Opcode.data) return `DATA ${packet.block} (${packet.data.length})`;
    if (packet.opcode === Opcode.optionAck) return `OACK ${[...packet.options].flat().join(' ')}`;
    if (packet.opcode === Opcode.error) return `ERROR ${packet.code}`;
    return `opcode ${packet.opcode}`;
  });
}

async function startTransfer(length: number, options: Record<string, string> = {}) {
  const { server: tftp } = serverOf({ file: content(length) });
  const { transfer } = accepted(await tftp.receive(readRequest('file', options), client));
  return { transfer, first: names(transfer.start(0)) };
}

describe('a transfer', () => {
  test('without options starts with the first block and ends after the short one', async () => {
    const { transfer, first } = await startTransfer(1024);
    assert.deepEqual(first, ['DATA 1 (512)']);
    assert.deepEqual(names(transfer.receive(ack(1), 1)), ['DATA 2 (512)']);
    assert.deepEqual(names(transfer.receive(ack(2), 2)), ['DATA 3 (0)']);
    assert.equal(transfer.outcome, undefined);
    assert.deepEqual(names(transfer.receive(ack(3), 3)), []);
    assert.deepEqual([transfer.outcome, transfer.acknowledged], [{ type: 'complete' }, 1024]);
    assert.equal(transfer.deadline, undefined);
  });

  test('with options begins after the client has agreed', async () => {
    const { transfer, first } = await startTransfer(100, { tsize: '0', blksize: '64' });
    assert.deepEqual(first, ['OACK tsize 100 blksize 64']);
    assert.deepEqual(names(transfer.receive(ack(0), 1)), ['DATA 1 (64)']);
    assert.deepEqual(names(transfer.receive(ack(1), 2)), ['DATA 2 (36)']);
  });

  test('a repeated ACK brings no repeated block (the Sorcerer’s Apprentice)', async () => {
    const { transfer } = await startTransfer(5000);
    assert.deepEqual(names(transfer.receive(ack(1), 1)), ['DATA 2 (512)']);
    assert.deepEqual(names(transfer.receive(ack(1), 2)), []);
    assert.deepEqual(names(transfer.receive(ack(0), 3)), []);
    assert.deepEqual(names(transfer.receive(ack(9), 4)), []);
    assert.deepEqual(names(transfer.receive(ack(2), 5)), ['DATA 3 (512)']);
  });

  test('sends whole windows, and goes on where an ACK says that blocks were lost', async () => {
    const { transfer } = await startTransfer(5000, { windowsize: '3' });
    assert.deepEqual(names(transfer.receive(ack(0), 1)), ['DATA 1 (512)', 'DATA 2 (512)', 'DATA 3 (512)']);
    assert.deepEqual(names(transfer.receive(ack(1), 2)), ['DATA 2 (512)', 'DATA 3 (512)', 'DATA 4 (512)']);
    const whole = ['DATA 5 (512)', 'DATA 6 (512)', 'DATA 7 (512)'];
    assert.deepEqual(names(transfer.receive(ack(4), 3)), whole);
    assert.deepEqual(names(transfer.receive(ack(4), 4)), whole, 'the first of the window was lost');
    assert.deepEqual(names(transfer.receive(ack(4), 5)), [], 'once is enough');
  });

  test('repeats ever more slowly what is not acknowledged, and gives the client up', async () => {
    const { transfer } = await startTransfer(5000);
    const times: number[] = [];
    let last: string[] = [];
    while (transfer.deadline !== undefined) {
      const now = transfer.deadline;
      times.push(now);
      assert.deepEqual(transfer.poll(now - 1), []);
      last = names(transfer.poll(now));
    }
    assert.deepEqual(times, [1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000]);
    assert.deepEqual(last, ['ERROR 0']);
    assert.ok(transfer.outcome?.type === 'failed');
    assert.equal((transfer.outcome.error as { code: string }).code, 'TFTP_TIMEOUT');
  });

  test('keeps to the timeout that the client wants', async () => {
    const { transfer } = await startTransfer(5000, { timeout: '7' });
    assert.equal(transfer.deadline, 7000);
    assert.deepEqual(names(transfer.poll(7000)), ['OACK timeout 7']);
    assert.equal(transfer.deadline, 14_000);
  });

  test('is ended by an error of the client, and by what is no TFTP', async () => {
    const { transfer } = await startTransfer(5000);
    const abort = encodePacket({ opcode: Opcode.error, code: 8, message: 'size known' });
    assert.deepEqual(transfer.receive(abort, 1), []);
    assert.deepEqual(transfer.outcome, { type: 'aborted', code: 8, message: 'size known' });
    const other = (await startTransfer(5000)).transfer;
    assert.deepEqual(names(other.receive(new Uint8Array(3), 1)), ['ERROR 4']);
    assert.equal(other.outcome?.type, 'failed');
  });

  test('whose file cannot be read ends with an error', async () => {
    const file = { size: 2000, read: () => assert.fail('bad sector') };
    const tftp = new TftpServer({ open: () => file });
    const { transfer } = accepted(await tftp.receive(readRequest('file'), client));
    assert.deepEqual(names(transfer.start(0)), ['ERROR 0']);
    assert.equal(transfer.outcome?.type, 'failed');
  });

  test('in netascii turns line ends, also where a block ends between CR and LF', async () => {
    const { server: tftp } = serverOf({ text: Uint8Array.from(Buffer.from('ab\ncd\re\n\n')) });
    const { transfer } = accepted(
      await tftp.receive(readRequest('text', { blksize: '8', tsize: '0' }, 'netascii'), client),
    );
    assert.deepEqual(names(transfer.start(0)), ['OACK blksize 8'], 'no tsize: the length changes');
    const blocks: string[] = [];
    let packets = transfer.receive(ack(0), 0);
    while (packets.length > 0) {
      const packet = decodePacket(packets[0] ?? new Uint8Array());
      assert.ok(packet.opcode === Opcode.data);
      blocks.push(Buffer.from(packet.data).toString('latin1'));
      packets = transfer.receive(ack(packet.block), 0);
    }
    assert.deepEqual(blocks, ['ab\r\ncd\r\0', 'e\r\n\r\n']);
  });
});

describe('the server', () => {
  test('refuses what it does not have, writing, unknown modes and paths upwards', async () => {
    const { server: tftp } = serverOf({});
    const code = async (packet: Uint8Array) => {
      const answer = await tftp.receive(packet, client);
      assert.ok(answer.type === 'refused');
      const error = decodePacket(answer.data);
      return error.opcode === Opcode.error ? error.code : -1;
    };
    assert.equal(await code(readRequest('missing')), ErrorCode.fileNotFound);
    assert.equal(await code(readRequest('../secret')), ErrorCode.accessViolation);
    assert.equal(await code(readRequest('file', {}, 'mail')), ErrorCode.illegalOperation);
    assert.equal(await code(new Uint8Array(9)), ErrorCode.illegalOperation);
    const write = encodePacket({ opcode: Opcode.writeRequest, fileName: 'a', mode: 'octet', options: new Map() });
    assert.equal(await code(write), ErrorCode.accessViolation);
    const stray = encodePacket({ opcode: Opcode.error, code: 0, message: 'x' });
    assert.deepEqual(await tftp.receive(stray, client), { type: 'ignored', reason: 'stray' });
  });

  test('starts a repeated request once, and a new request of the same port anew', async () => {
    const { server: tftp, closed } = serverOf({ one: content(9000), two: content(9000) });
    const first = accepted(await tftp.receive(readRequest('one'), client));
    first.transfer.start(0);
    assert.deepEqual(await tftp.receive(readRequest('one'), client), { type: 'ignored', reason: 'repeated' });
    const other = await tftp.receive(readRequest('one'), { ...client, port: 2001 });
    assert.equal(other.type, 'transfer');
    const second = await tftp.receive(readRequest('two'), client);
    assert.ok(second.type === 'transfer');
    assert.equal(second.replaces, first);
    assert.deepEqual(closed, ['one']);
    assert.equal(tftp.transfers, 2);
  });

  test('opens a file once however often the request comes meanwhile', async () => {
    const opened = Promise.withResolvers<undefined>();
    let count = 0;
    const tftp = new TftpServer({
      open: () => {
        count++;
        return opened.promise;
      },
    });
    const first = tftp.receive(readRequest('slow'), client);
    assert.deepEqual(await tftp.receive(readRequest('slow'), client), { type: 'ignored', reason: 'repeated' });
    opened.resolve(undefined);
    assert.equal((await first).type, 'refused');
    assert.equal(count, 1);
  });

  test('runs no more transfers than it may', async () => {
    const { server: tftp, closed } = serverOf({ file: content(9000) }, 2);
    const at = (port: number) => tftp.receive(readRequest('file'), { ...client, port });
    const first = accepted(await at(1));
    await at(2);
    assert.deepEqual(await at(3), { type: 'ignored', reason: 'busy' });
    tftp.finished(first);
    assert.deepEqual(closed, ['file']);
    assert.equal((await at(3)).type, 'transfer');
  });
});

/** A server's and a client's machines over a simulated network. */
class SimulatedDownload {
  readonly datagrams: SimulatedDatagrams;
  readonly received: Uint8Array[] = [];
  last: ReadClientAction | undefined;
  largestWindow = 0;
  readonly #server: TftpServer;
  readonly #client: ReadClient;
  readonly #clientAlarm: Alarm;
  /** Each transfer has a port of its own. */
  readonly #transfers = new Map<number, AcceptedTransfer>();

  constructor(seed: number, faults: Faults, file: Uint8Array, options: Partial<ReadClientOptions>) {
    this.datagrams = new SimulatedDatagrams(seed, faults);
    this.#server = serverOf({ file }).server;
    this.#client = new ReadClient({ server, fileName: 'file', ...options });
    this.#clientAlarm = new Alarm(this.datagrams);
  }

  async run(limit: number): Promise<boolean> {
    this.#carryOut(this.#client.start(0));
    return await this.datagrams.run(() => this.last?.type === 'complete' || this.last?.type === 'failed', limit);
  }

  get content(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.received));
  }

  #carryOut(actions: readonly ReadClientAction[]): void {
    for (const action of actions) {
      if (action.type === 'send') this.#toServer(action.data, action.to.port);
      else this.last = action;
      if (action.type === 'data') this.received.push(action.data);
    }
    this.#clientAlarm.set(this.#client.deadline, () => this.#carryOut(this.#client.poll(this.datagrams.now)));
  }

  #toServer(data: Uint8Array, port: number): void {
    this.datagrams.send(async () => {
      if (port === server.port) {
        const answer = await this.#server.receive(data, client);
        if (answer.type === 'transfer') this.#runTransfer(answer.accepted);
        if (answer.type === 'refused') this.#toClient([answer.data], server.port);
      } else {
        const running = this.#transfers.get(port);
        if (running !== undefined) this.#advance(port, running, running.transfer.receive(data, this.datagrams.now));
      }
    });
  }

  #runTransfer(transfer: AcceptedTransfer): void {
    const port = 40_000 + this.#transfers.size;
    this.#transfers.set(port, transfer);
    this.#advance(port, transfer, transfer.transfer.start(this.datagrams.now));
  }

  #advance(port: number, running: AcceptedTransfer, packets: readonly Uint8Array[]): void {
    const { transfer } = running;
    this.largestWindow = Math.max(this.largestWindow, packets.length);
    this.#toClient(packets, port);
    if (transfer.outcome !== undefined) this.#server.finished(running);
    const { deadline } = transfer;
    if (deadline === undefined) return;
    this.datagrams.at(deadline, () => {
      if (transfer.deadline === deadline) this.#advance(port, running, transfer.poll(this.datagrams.now));
    });
  }

  #toClient(packets: readonly Uint8Array[], port: number): void {
    for (const packet of packets) {
      this.datagrams.send(() => {
        this.#carryOut(this.#client.receive(packet, { ...server, port }, this.datagrams.now));
      });
    }
  }
}

describe('a download', () => {
  test('arrives whole or fails, whatever the network does', async () => {
    const property = fc.asyncProperty(
      fc.integer(),
      fc.record({
        lossPercent: fc.integer({ min: 0, max: 35 }),
        duplicatePercent: fc.integer({ min: 0, max: 50 }),
        delay: fc.constantFrom<readonly [number, number]>([1, 1], [1, 40], [0, 1500]),
      }),
      fc.constantFrom(0, 1, 63, 64, 65, 128, 640, 2000, 5000),
      fc.constantFrom(1, 2, 8, 64),
      async (seed, faults, length, windowSize) => {
        const file = content(length);
        const download = new SimulatedDownload(seed, faults, file, { blockSize: 64, windowSize });
        assert.ok(await download.run(20_000_000), 'it ends');
        if (download.last?.type === 'failed') {
          // Six losses in a row do happen at this rate, seldom; without loss they do not.
          assert.ok(faults.lossPercent > 0, String(download.last.error));
          assert.equal(download.last.error.code, 'TFTP_TIMEOUT');
        } else assert.deepEqual(download.content, file);
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  test('of more than 65535 blocks passes the end of the block numbers, in windows and without', async () => {
    const file = content(8 * 66_000 + 3);
    for (const windowSize of [1, 7]) {
      const download = new SimulatedDownload(3, noFaults, file, { blockSize: 8, windowSize });
      assert.ok(await download.run(20_000_000));
      assert.equal(download.last?.type, 'complete');
      assert.ok(Buffer.from(download.content).equals(file));
      assert.equal(download.largestWindow, windowSize);
    }
  });

  test('of nothing, of too much, and from nobody', async () => {
    const ends = async (options: Partial<ReadClientOptions>, faults = noFaults) => {
      const download = new SimulatedDownload(1, faults, content(5000), options);
      await download.run(1_000_000);
      return download.last?.type === 'failed' ? download.last.error.code : download.last?.type;
    };
    assert.equal(await ends({}), 'complete');
    assert.equal(await ends({ fileName: 'other' }), 'TFTP_FILE_NOT_FOUND');
    assert.equal(await ends({ longest: 4999 }), 'TFTP_FILE_TOO_LONG');
    assert.equal(await ends({ longest: 4999, mode: 'netascii' }), 'TFTP_FILE_TOO_LONG');
    assert.equal(await ends({}, { ...noFaults, lossPercent: 100 }), 'TFTP_TIMEOUT');
  });
});

describe('the client', () => {
  const start = (options: Partial<ReadClientOptions> = {}) => {
    const reader = new ReadClient({ server, fileName: 'file', ...options });
    reader.start(0);
    return reader;
  };
  const from = { ...server, port: 4000 };
  const data = (block: number, length: number) =>
    encodePacket({ opcode: Opcode.data, block, data: new Uint8Array(length) });

  test('reads from the first that answers, and tells others that they are not meant', () => {
    const reader = start();
    assert.deepEqual(reader.receive(data(1, 512), { address: '192.0.2.66', port: 4000 }, 0), []);
    assert.equal(reader.receive(data(1, 512), from, 0)[0]?.type, 'data');
    const [answer] = reader.receive(data(2, 512), { ...from, port: 4001 }, 0);
    assert.ok(answer?.type === 'send');
    assert.deepEqual(names([answer.data]), [`ERROR ${ErrorCode.unknownTransferId}`]);
    assert.equal(reader.receive(data(2, 512), from, 0)[0]?.type, 'data');
  });

  test('asks again without options when the server does not want them', () => {
    const reader = start();
    const refusal = encodePacket({ opcode: Opcode.error, code: ErrorCode.optionNegotiationFailed, message: '' });
    const [again] = reader.receive(refusal, server, 0);
    assert.ok(again?.type === 'send');
    assert.deepEqual(again.data, readRequest('file'));
  });

  test('takes no larger blocks than agreed and no more than it asked for', () => {
    const failure = (packet: Uint8Array) => {
      const last = start({ blockSize: 1024, windowSize: 4 }).receive(packet, from, 0).at(-1);
      return last?.type === 'failed' ? last.error.code : last?.type;
    };
    const oack = (name: string, value: string) =>
      encodePacket({ opcode: Opcode.optionAck, options: new Map([[name, value]]) });
    assert.equal(failure(data(1, 513)), 'TFTP_PACKET_INVALID');
    assert.equal(failure(oack('blksize', '1025')), 'TFTP_OPTION_INVALID');
    assert.equal(failure(oack('windowsize', '5')), 'TFTP_OPTION_INVALID');
    assert.equal(failure(oack('blksize', 'many')), 'TFTP_OPTION_INVALID');
    assert.equal(failure(oack('blksize', '1024')), 'send');
  });

  test('goes on acknowledging the last block for a while, and then is done', () => {
    const reader = start();
    assert.deepEqual(
      reader.receive(data(1, 5), from, 100).map(({ type }) => type),
      ['data', 'send', 'complete'],
    );
    assert.deepEqual(
      reader.receive(data(1, 5), from, 200).map(({ type }) => type),
      ['send'],
    );
    assert.equal(reader.deadline, 3100);
    assert.deepEqual(reader.poll(3100), []);
    assert.equal(reader.deadline, undefined);
    assert.deepEqual(reader.receive(data(1, 5), from, 3200), []);
  });

  test('any datagrams raise nothing', () => {
    const property = fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 600 }), (opcode, rest) => {
      const reader = start();
      for (let times = 0; times < 3; times++) reader.receive(Uint8Array.from([0, opcode, ...rest]), from, times);
    });
    fc.assert(property);
  });
});
