import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressAttribute,
  encodeAttributes,
  longAttribute,
  numberAttribute,
  textAttribute,
} from '../../src/isns/attribute.ts';
import { IsnsClient } from '../../src/isns/client.ts';
import type { IncomingNotice } from '../../src/isns/client-notice.ts';
import { encodeResponse, withStatus } from '../../src/isns/message.ts';
import { decodeDatagram } from '../../src/isns/message-reader.ts';
import { encodeMessage, FunctionId, type IsnsMessage, responseTo } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';

const source = 'iqn.2001-04.com.example:client';

function start() {
  const sent: IsnsMessage[] = [];
  const notices: IncomingNotice[] = [];
  const client = new IsnsClient({
    source,
    write: (pdu) => sent.push(decodeDatagram(pdu)),
    onNotice: (notice) => notices.push(notice),
  });
  const receive = (functionId: number, transactionId: number, payload: Uint8Array): void => {
    for (const pdu of encodeMessage({ functionId, transactionId, sender: 'server', replace: false, payload })) {
      client.receive(pdu);
    }
  };
  return { client, sent, notices, receive };
}

const bare = (status: number) => encodeResponse({ status, key: [], operating: [] });

test('transaction IDs: none of two that are outstanding, and answers in any order (RFC 4171 §5.1.5)', async () => {
  const { client, sent, receive } = start();
  const first = client.request({ functionId: FunctionId.devAttrQry });
  for (let count = 0; count < 70_000; count++) {
    const answered = client.request({ functionId: FunctionId.devGetNext });
    const { transactionId } = sent.at(-1) ?? { transactionId: -1 };
    assert.notEqual(transactionId, sent[0]?.transactionId);
    receive(responseTo(FunctionId.devGetNext), transactionId, bare(Status.noSuchEntry));
    await answered;
  }
  receive(responseTo(FunctionId.devAttrQry), sent[0]?.transactionId ?? 0, bare(Status.successful));
  assert.equal((await first).status, Status.successful);
});

test('a notice and an inquiry are answered with what the standard wants of them (RFC 4171 §5.7.5.8, §5.7.5.13)', () => {
  const { sent, notices, receive } = start();
  const destination = textAttribute(Tag.iscsiName, source);
  const target = 'iqn.2001-04.com.example:disk';
  const time = longAttribute(Tag.timestamp, 1n);
  const change = [numberAttribute(Tag.iscsiScnBitmap, 8), textAttribute(Tag.iscsiName, target)];
  const managed = [
    numberAttribute(Tag.iscsiScnBitmap, 0x28),
    numberAttribute(Tag.ddId, 2),
    numberAttribute(Tag.ddsId, 3),
  ];
  receive(FunctionId.scn, 9, encodeAttributes([destination, time, ...change, ...managed]));
  assert.equal(sent[0]?.functionId, responseTo(FunctionId.scn));
  assert.equal(sent[0]?.transactionId, 9);
  assert.deepEqual(sent[0]?.payload, withStatus(0, [destination]));

  const inquiry = [
    time,
    textAttribute(Tag.entityIdentifier, 'client.example.com'),
    addressAttribute(Tag.portalIpAddress, '192.0.2.2'),
    numberAttribute(Tag.portalPort, 0x1_0cbc),
  ];
  receive(FunctionId.esi, 10, encodeAttributes(inquiry));
  assert.equal(sent[1]?.functionId, responseTo(FunctionId.esi));
  assert.deepEqual(sent[1]?.payload, withStatus(0, inquiry));
  assert.deepEqual(notices, [
    {
      kind: 'state-change',
      destination: source,
      changes: [
        { bitmap: 8, nodeName: target, domains: [], domainSets: [] },
        { bitmap: 0x28, nodeName: undefined, domains: [2], domainSets: [3] },
      ],
    },
    {
      kind: 'entity-status-inquiry',
      entityIdentifier: 'client.example.com',
      portal: { address: '192.0.2.2', transport: 'udp', port: 3260 },
    },
  ]);
});

test('heartbeats have no answer, and what is unknown is not supported', () => {
  const { sent, receive } = start();
  receive(FunctionId.heartbeat, 1, new Uint8Array(32));
  receive(FunctionId.devAttrReg, 2, new Uint8Array(0));
  assert.deepEqual(
    sent.map(({ transactionId, payload }) => [transactionId, payload]),
    [[2, withStatus(Status.messageNotSupported, [])]],
  );
});

for (const [what, functionId, attributes] of [
  ['a notice without destination', FunctionId.scn, [longAttribute(Tag.timestamp, 1n)]],
  [
    'a notice whose names come before a bitmap',
    FunctionId.scn,
    [textAttribute(32, source), longAttribute(4, 1n), textAttribute(32, source)],
  ],
  ['an inquiry without portal', FunctionId.esi, [longAttribute(4, 1n), textAttribute(1, 'x')]],
] as const) {
  test(`refused: ${what}`, () => {
    const { receive } = start();
    assert.throws(() => receive(functionId, 1, encodeAttributes(attributes)), { code: 'ISNS_ATTRIBUTE_INVALID' });
  });
}
