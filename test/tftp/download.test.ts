import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type AcceptedTransfer,
  Opcode,
  ReadClient,
  type ReadClientAction,
  type ReadClientOptions,
  type TftpServer,
} from '../../src/tftp/index.ts';
import { Alarm, type Faults, noFaults, SimulatedDatagrams } from '../support/simulated-datagrams.ts';
import { client, content, server, serverOf } from './exchange.ts';

/** A server's and a client's machines over a simulated network. */
class SimulatedDownload {
  readonly datagrams: SimulatedDatagrams;
  readonly received: Uint8Array[] = [];
  last: ReadClientAction | undefined;
  largestWindow = 0;
  readonly #server: TftpServer;
  readonly #client: ReadClient;
  readonly #clientAlarm: Alarm;
  /** Blocks sent, again or not. */
  blocks = 0;
  #nextPort = 40_000;
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
        if (answer.type === 'transfer') {
          if (answer.replaces !== undefined) this.#forget(answer.replaces);
          this.#runTransfer(answer.accepted);
        }
        if (answer.type === 'refused') this.#toClient([answer.data], server.port);
      } else {
        const running = this.#transfers.get(port);
        if (running !== undefined) this.#advance(port, running, running.transfer.receive(data, this.datagrams.now));
      }
    });
  }

  #forget(ended: AcceptedTransfer): void {
    for (const [port, transfer] of this.#transfers) if (transfer === ended) this.#transfers.delete(port);
  }

  #runTransfer(transfer: AcceptedTransfer): void {
    const port = this.#nextPort++;
    this.#transfers.set(port, transfer);
    this.#advance(port, transfer, transfer.transfer.start(this.datagrams.now));
  }

  #advance(port: number, running: AcceptedTransfer, packets: readonly Uint8Array[]): void {
    const { transfer } = running;
    this.largestWindow = Math.max(this.largestWindow, packets.length);
    this.#toClient(packets, port);
    this.blocks += packets.filter((packet) => packet[1] === Opcode.data).length;
    if (transfer.outcome !== undefined) {
      this.#server.finished(running);
      this.#transfers.delete(port);
    }
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
    // So late that the client asks for the same several times before it has it.
    const slow = { lossPercent: 3, duplicatePercent: 43, delay: [0, 1500] as const };
    await fc.assert(property, { numRuns: 150, examples: [[-889032201, slow, 2000, 2]] });
  });

  test('takes each block once where datagrams come twice and late, but are not lost', async () => {
    const blocks = 400;
    const property = fc.asyncProperty(fc.integer(), fc.constantFrom(50, 100), async (seed, duplicatePercent) => {
      for (const delay of [
        [1, 1],
        [1, 40],
      ] as const) {
        const options = { blockSize: 64, windowSize: 1 };
        const download = new SimulatedDownload(
          seed,
          { ...noFaults, duplicatePercent, delay },
          content(blocks * 64 - 1),
          options,
        );
        assert.ok(await download.run(1_000_000));
        assert.equal(download.last?.type, 'complete');
        assert.equal(download.blocks, blocks, 'no apprentice is at work');
      }
    });
    await fc.assert(property, { numRuns: 10 });
  });

  test('in windows takes few blocks again where datagrams come twice', async () => {
    const blocks = 400;
    const property = fc.asyncProperty(fc.integer(), fc.constantFrom(2, 8, 32), async (seed, windowSize) => {
      const faults = { ...noFaults, duplicatePercent: 5 };
      const download = new SimulatedDownload(seed, faults, content(blocks * 64 - 1), { blockSize: 64, windowSize });
      assert.ok(await download.run(1_000_000));
      assert.equal(download.last?.type, 'complete');
      assert.ok(download.blocks <= 1.5 * blocks, `${download.blocks} for ${blocks}`);
    });
    await fc.assert(property, { numRuns: 20 });
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
