/** What a boot client makes of iSNS servers that answer oddly, in half, or not at all. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findByIsns } from '../../src/boot/isns-discovery.ts';
import {
  type Attribute,
  addressAttribute,
  numberAttribute,
  textAttribute,
  textOf,
  zeroLength,
} from '../../src/isns/attribute.ts';
import { DdFeature, NodeType } from '../../src/isns/bitmap.ts';
import { decodeRequest, encodeResponse, type RequestSections, type ResponseSections } from '../../src/isns/message.ts';
import { MessageReader } from '../../src/isns/message-reader.ts';
import { encodeMessage, FunctionId, type IsnsMessage, responseTo } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import type { TcpConnection } from '../../src/os/network.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { byteByByte, SimulatedNetwork } from '../support/simulated-tcp.ts';

const server = { address: '192.0.2.1', port: 3205 };
const initiatorName = 'iqn.2001-04.com.example:client';
const disk = 'iqn.2001-04.com.example:disk';
const timeout = 5000;

type Behave = (message: IsnsMessage, sections: RequestSections, connection: TcpConnection) => void;

/** A server that does as it is told with each request. */
async function serve(behave: Behave) {
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork({ cut: byteByByte });
  const requests: { functionId: number; sections: RequestSections }[] = [];
  await network.listenTcp(server, (connection) => {
    const reader = new MessageReader(1 << 20);
    connection.start({
      data: (chunk) => {
        reader.push(chunk);
        for (let message = reader.next(); message !== undefined; message = reader.next()) {
          const sections = decodeRequest(message.payload);
          requests.push({ functionId: message.functionId, sections });
          behave(message, sections, connection);
        }
      },
      drain: () => {},
      closed: () => {},
    });
  });
  const find = (more: { targetName?: string; signal?: AbortSignal } = {}) =>
    findByIsns({ network, clock, server, initiatorName, timeout, ...more });
  return { clock, requests, find };
}

function answer(connection: TcpConnection, message: IsnsMessage, sections: Partial<ResponseSections>): void {
  const payload = encodeResponse({ status: Status.successful, key: [], operating: [], ...sections });
  const { functionId, transactionId } = message;
  const response = {
    functionId: responseTo(functionId),
    transactionId,
    sender: 'server',
    replace: false,
    payload,
  } as const;
  for (const pdu of encodeMessage(response)) connection.write(pdu);
}

function group(name: string, address: string, port: number, tag: number | undefined): Attribute[] {
  return [
    textAttribute(Tag.pgIscsiName, name),
    addressAttribute(Tag.pgPortalIpAddress, address),
    numberAttribute(Tag.pgPortalPort, port),
    tag === undefined ? zeroLength(Tag.portalGroupTag) : numberAttribute(Tag.portalGroupTag, tag),
  ];
}

/** Whether a query asks for domains, not for targets. */
function asksForDomains({ key }: RequestSections): boolean {
  return key[0]?.tag === Tag.ddId;
}

describe('which targets are found', () => {
  test('portal groups decide: tags, the port left out, IPv6, no tag, UDP (RFC 4171 §3.4)', async () => {
    const { find, clock } = await serve((message, sections, connection) => {
      if (asksForDomains(sections)) return answer(connection, message, { status: Status.messageNotSupported });
      answer(connection, message, {
        operating: [
          textAttribute(Tag.iscsiName, disk),
          ...group(disk, '192.0.2.5', 3261, 7),
          ...group(disk, '2001:db8::5', 0, 1),
          ...group(disk, '192.0.2.6', 3260, undefined),
          ...group(disk, '192.0.2.7', 0x1_0cbc, 1),
        ],
      });
    });
    assert.deepEqual(await find(), [
      { host: '192.0.2.5', port: 3261, targetName: disk, portalGroupTag: 7, bootable: false },
      { host: '2001:db8::5', port: 3260, targetName: disk, portalGroupTag: 1, bootable: false },
    ]);
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  test('without groups, each portal leads to the target before it', async () => {
    const { find } = await serve((message, sections, connection) => {
      if (asksForDomains(sections)) return answer(connection, message, {});
      const portal = [addressAttribute(Tag.portalIpAddress, '192.0.2.5'), numberAttribute(Tag.portalPort, 3260)];
      answer(connection, message, { operating: [textAttribute(Tag.iscsiName, disk), ...portal] });
    });
    assert.deepEqual(
      (await find()).map(({ host, targetName }) => [host, targetName]),
      [['192.0.2.5', disk]],
    );
  });

  test('what a boot list has is bootable, and comes first (RFC 4171 §6.11.2.9)', async () => {
    const other = 'iqn.2001-04.com.example:other';
    const member = (name: string) => textAttribute(Tag.ddMemberIscsiName, name);
    const { find } = await serve((message, sections, connection) => {
      if (!asksForDomains(sections)) {
        const operating = [...group(other, '192.0.2.6', 3260, 1), ...group(disk, '192.0.2.5', 3260, 1)];
        return answer(connection, message, { operating });
      }
      const bootList = numberAttribute(Tag.ddFeatures, DdFeature.bootList);
      answer(connection, message, {
        operating: [
          numberAttribute(Tag.ddId, 2),
          ...[member(other), member(initiatorName), numberAttribute(Tag.ddFeatures, 0)],
          numberAttribute(Tag.ddId, 3),
          ...[bootList, member(initiatorName), member(disk)],
          numberAttribute(Tag.ddId, 4),
          ...[bootList, member(other), member('iqn.2001-04.com.example:somebody')],
        ],
      });
    });
    assert.deepEqual(
      (await find()).map(({ targetName, bootable }) => [targetName, bootable]),
      [
        [disk, true],
        [other, false],
      ],
    );
  });

  test('by name: only that target counts, whatever else the server gives', async () => {
    const { find, requests } = await serve((message, sections, connection) => {
      const other = 'iqn.2001-04.com.example:other';
      const operating = [...group(other, '192.0.2.6', 3260, 1), ...group(disk, '192.0.2.5', 3260, 1)];
      answer(connection, message, asksForDomains(sections) ? {} : { operating });
    });
    assert.deepEqual(
      (await find({ targetName: disk })).map(({ targetName }) => targetName),
      [disk],
    );
    const [first] = requests;
    assert.equal(first?.functionId, FunctionId.devAttrQry);
    assert.deepEqual(first?.sections.key.map(textOf), [disk]);
  });

  for (const status of [Status.sourceUnknown, Status.noSuchEntry, Status.successful]) {
    test(`who is not known registers, asks again, and deregisters: status ${status}`, async () => {
      let isRegistered = false;
      const { find, requests } = await serve((message, sections, connection) => {
        if (message.functionId === FunctionId.devAttrReg) isRegistered = true;
        if (message.functionId === FunctionId.devDereg) isRegistered = false;
        const isQuery = message.functionId === FunctionId.devAttrQry;
        if (!isQuery || asksForDomains(sections)) return answer(connection, message, {});
        answer(connection, message, isRegistered ? { operating: group(disk, '192.0.2.5', 3260, 1) } : { status });
      });
      assert.deepEqual(
        (await find()).map(({ host }) => host),
        ['192.0.2.5'],
      );
      assert.equal(isRegistered, false);
      const { sections } = requests.find(({ functionId }) => functionId === FunctionId.devAttrReg) ?? {};
      assert.deepEqual(sections?.operating.at(-1), numberAttribute(Tag.iscsiNodeType, NodeType.initiator));
    });
  }

  test('a server that registers nobody: none, or an error when it does not know who asks', async () => {
    for (const status of [Status.successful, Status.sourceUnknown]) {
      const { find } = await serve((message, _, connection) => {
        const isQuery = message.functionId === FunctionId.devAttrQry;
        answer(connection, message, { status: isQuery ? status : Status.sourceUnauthorized });
      });
      if (status === Status.successful) assert.deepEqual(await find(), []);
      else await assert.rejects(find(), { code: 'ISNS_REFUSED' });
    }
  });
});

describe('servers that cannot be relied on end in one clear error', () => {
  const half = encodeMessage({
    functionId: responseTo(FunctionId.devAttrQry),
    transactionId: 1,
    sender: 'server',
    replace: false,
    payload: new Uint8Array(400),
  })[0]?.subarray(0, 200);

  for (const [name, behave] of [
    ['one that takes the request and says nothing', () => {}],
    [
      'one that answers half and stalls',
      (_message, _sections, connection) => half !== undefined && connection.write(half),
    ],
    [
      'one that answers another request',
      (message, _, connection) => answer(connection, { ...message, transactionId: message.transactionId + 1 }, {}),
    ],
  ] as const satisfies readonly (readonly [string, Behave])[]) {
    test(name, async () => {
      const { find, clock } = await serve(behave);
      const failed = assert.rejects(find(), { code: 'ISNS_TIMEOUT' });
      await clock.pass(timeout);
      await failed;
      assert.equal(clock.pending, 0);
    });
  }

  for (const [name, code, behave] of [
    ['one that refuses', 'ISNS_REFUSED', (message, _, connection) => answer(connection, message, { status: 11 })],
    ['one that hangs up', 'NETWORK_RESET', (_message, _sections, connection) => connection.destroy()],
    [
      'one that speaks something else',
      'ISNS_PDU_INVALID',
      (_message, _sections, connection) => void connection.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    [
      'one that answers another function',
      'ISNS_PDU_INVALID',
      (message, _, connection) => answer(connection, { ...message, functionId: FunctionId.devGetNext }, {}),
    ],
    [
      'one whose attributes are cut off',
      'ISNS_ATTRIBUTE_INVALID',
      (message, _, connection) => {
        const payload = Buffer.from('00000000' + '00000020' + '00000100', 'hex');
        const { transactionId } = message;
        const functionId = responseTo(message.functionId);
        for (const pdu of encodeMessage({ functionId, transactionId, sender: 'server', replace: false, payload })) {
          connection.write(pdu);
        }
      },
    ],
    [
      'one whose addresses are none',
      'ISNS_ATTRIBUTE_INVALID',
      (message, _, connection) => {
        const [name, , port, tag] = group(disk, '192.0.2.5', 3260, 1);
        const address = numberAttribute(Tag.pgPortalIpAddress, 1);
        if (name && port && tag) answer(connection, message, { operating: [name, address, port, tag] });
      },
    ],
  ] as const satisfies readonly (readonly [string, string, Behave])[]) {
    test(name, async () => {
      const { find, clock } = await serve(behave);
      await assert.rejects(find(), { code });
      assert.equal(clock.pending, 0);
    });
  }

  test('one request is ended by the signal', async () => {
    const ending = new AbortController();
    const { find } = await serve(() => ending.abort(new Error('enough')));
    await assert.rejects(find({ signal: ending.signal }), { message: 'enough' });
  });
});
