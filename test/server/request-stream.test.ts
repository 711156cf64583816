/** Who asks much and reads nothing: how much of it is answered, by SLP and by iSNS, and what is done once a stream cannot be read. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { textAttribute, zeroLength } from '../../src/isns/attribute.ts';
import { encodeRequest } from '../../src/isns/message.ts';
import { MessageReader } from '../../src/isns/message-reader.ts';
import { encodeMessage as encodeIsns, FunctionId } from '../../src/isns/pdu.ts';
import { Tag } from '../../src/isns/tag.ts';
import type { Endpoint, TcpConnection, TcpHandler } from '../../src/os/network.ts';
import { SlpConnections } from '../../src/server/slp-connections.ts';
import { SlpAgent } from '../../src/slp/agent.ts';
import { slpHeader } from '../../src/slp/header.ts';
import { decodeMessage, encodeMessage } from '../../src/slp/message.ts';
import { startIsnsServer } from '../support/isns-server.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';

/** The server's end of a connection whose other end reads only when the test says so. */
class UnreadConnection implements TcpConnection {
  readonly local: Endpoint = { address: '192.0.2.1', port: 1 };
  readonly remote: Endpoint = { address: '192.0.2.77', port: 50_000 };
  readonly written: Uint8Array[] = [];
  isPaused = false;
  #handler: TcpHandler | undefined;

  get bufferedBytes(): number {
    return this.written.length;
  }
  start(handler: TcpHandler): void {
    this.#handler = handler;
  }
  write(chunk: Uint8Array): boolean {
    this.written.push(chunk);
    return false;
  }
  flush(): void {}
  hold(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {}
  destroy(): void {
    this.#handler?.closed(undefined);
  }

  async send(...chunks: readonly Uint8Array[]): Promise<void> {
    this.#handler?.data(Buffer.concat(chunks));
    await settled();
  }
  /** The other end has read all that was sent. */
  async read(): Promise<void> {
    this.#handler?.drain();
    await settled();
  }
}

/** A network whose listeners take connections from the test. */
class Doors {
  readonly #accept: ((connection: TcpConnection) => void)[] = [];
  readonly network = {
    listenTcp: async (endpoint: Endpoint, accept: (connection: TcpConnection) => void) => {
      this.#accept.push(accept);
      return { endpoint, close: async () => {}, [Symbol.asyncDispose]: async () => {} };
    },
    connectTcp: () => Promise.reject(new Error('nobody is there')),
    openUdp: async () => ({
      local: { address: '192.0.2.1', port: 1 },
      start: () => {},
      send: () => {},
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
    interfaces: () => [],
    resolve: async () => [],
  };

  connect(): UnreadConnection {
    const connection = new UnreadConnection();
    for (const accept of this.#accept) accept(connection);
    return connection;
  }
}

describe('SLP', () => {
  const request = (xid: number) =>
    encodeMessage({
      header: slpHeader({ xid, languageTag: 'en' }),
      body: {
        kind: 'SrvRqst',
        previousResponders: [],
        serviceType: 'service:iscsi',
        scopes: ['DEFAULT'],
        predicate: '',
        spi: '',
      },
    });
  /** Version 1, function 1, identifier 2 where version 2 has it. */
  const oldVersion = Buffer.from('0101000020000000000000020002656e0000000000000000000000000000', 'hex');

  async function listen() {
    const doors = new Doors();
    const clock = new SimulatedClock();
    const agent = new SlpAgent({
      ownAddresses: [],
      address: '192.0.2.1',
      scopes: ['DEFAULT'],
      services: { advertisements: () => [] },
      serviceTypes: ['service:iscsi:target'],
      withheld: new Set(),
    });
    const options = { network: doors.network, clock, address: '192.0.2.1', agent, closeConnection: 300_000 };
    return { clock, service: await SlpConnections.listen(options), connection: doors.connect() };
  }
  const xids = ({ written }: UnreadConnection) => written.map((data) => decodeMessage(data).header.xid);

  test('who asks and does not read is answered once, and goes on when it has read', async () => {
    const { service, connection } = await listen();
    await using _ = service;
    await connection.send(request(1), request(2), request(3));
    assert.deepEqual(xids(connection), [1]);
    assert.ok(connection.isPaused);
    await connection.read();
    await connection.read();
    assert.deepEqual(xids(connection), [1, 2, 3]);
    await connection.read();
    assert.ok(!connection.isPaused);
  });

  test('a version that is not spoken is said once, behind what was asked before, and nothing is taken any more', async () => {
    const { service, connection } = await listen();
    await using _ = service;
    await connection.send(request(1), oldVersion);
    await connection.read();
    assert.deepEqual(xids(connection), [1, 2]);
    await connection.send(oldVersion, request(3));
    await connection.read();
    assert.equal(connection.written.length, 2);
  });
});

describe('iSNS', () => {
  test('who asks and does not read is answered once, and goes on when it has read', async () => {
    const doors = new Doors();
    const name = 'iqn.2001-04.com.example:control';
    const options = { address: '192.0.2.1', controlNodes: [name], clock: new SimulatedClock(), network: doors.network };
    const { service } = await startIsnsServer(options);
    await using _ = service;
    const connection = doors.connect();
    const payload = encodeRequest({
      source: textAttribute(Tag.iscsiName, name),
      key: [],
      operating: [zeroLength(Tag.iscsiName)],
    });
    const request = (transactionId: number): Uint8Array => {
      const message = { functionId: FunctionId.devAttrQry, transactionId, sender: 'client', replace: false, payload };
      return Buffer.concat(encodeIsns({ ...message, sender: 'client' }));
    };
    const transactions = () => {
      const reader = new MessageReader(1 << 20);
      reader.push(Buffer.concat(connection.written));
      return Array.from({ length: connection.written.length }, () => reader.next()?.transactionId);
    };
    await connection.send(request(1), request(2), request(3));
    assert.deepEqual(transactions(), [1]);
    assert.ok(connection.isPaused);
    await connection.read();
    await connection.read();
    assert.deepEqual(transactions(), [1, 2, 3]);
    await connection.read();
    assert.ok(!connection.isPaused);
  });
});
