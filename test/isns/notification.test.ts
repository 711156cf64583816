import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeAttributes } from '../../src/isns/attribute.ts';
import { NodeType, ScnBitmap } from '../../src/isns/bitmap.ts';
import { FunctionId } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { client, control, disk, ip, nothing, number, plain, Rig, text } from './support.ts';

const { scnReg, scnDereg, scnEvent, devAttrReg, devDereg, ddReg, ddDereg, ddsReg } = FunctionId;
const { objectAdded: added, objectRemoved: removed, objectUpdated: updated } = ScnBitmap;
const everything = added | removed | updated;

function listen(rig: Rig, name: string, bitmap: number, source = name) {
  const operating = [number(Tag.iscsiScnBitmap, bitmap)];
  return rig.ask(source, scnReg, { key: [text(Tag.iscsiName, name)], operating });
}

/** A pair that shares a domain; the initiator is told of everything. */
function listening(bitmap: number = everything): Rig {
  const rig = new Rig();
  rig.registerPair();
  rig.join(2, [client, disk]);
  assert.equal(listen(rig, client, bitmap).status, Status.successful);
  rig.notices();
  return rig;
}

describe('registering for notices', () => {
  test('without a port to take them it is rejected (RFC 4171 §5.6.5.5)', () => {
    const rig = listening();
    assert.equal(listen(rig, disk, everything).status, Status.scnRegistrationRejected);
    assert.equal(
      listen(rig, 'iqn.2001-04.com.example:nobody', everything, control).status,
      Status.scnRegistrationRejected,
    );
    assert.equal(listen(rig, client, everything, disk).status, Status.sourceUnauthorized);
    const empty = rig.ask(client, scnReg, { key: [text(Tag.iscsiName, client)] });
    assert.equal(empty.status, Status.messageFormatError);
  });

  test('management notices are for control nodes (RFC 4171 §5.6.5.5, §6.4.4)', () => {
    for (const bits of [ScnBitmap.management, ScnBitmap.memberAdded, ScnBitmap.memberRemoved]) {
      assert.equal(listen(listening(), client, everything | bits).status, Status.scnRegistrationRejected);
    }
  });

  test('the last bitmap counts, and none after SCNDereg (RFC 4171 §5.6.5.6)', () => {
    const rig = listening();
    const change = () =>
      rig.tell(disk, devAttrReg, { key: [text(32, disk)], operating: [text(32, disk), text(34, 'x')] });
    change();
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[updated, disk]] }]);
    listen(rig, client, added);
    change();
    assert.deepEqual(rig.notices(), []);
    listen(rig, client, everything);
    rig.tell(client, scnDereg, { key: [text(32, client)] });
    change();
    assert.deepEqual(rig.notices(), []);
  });
});

describe('what a node is told', () => {
  test('nodes of its domains that are added, updated and removed (RFC 4171 §5.6.5.8)', () => {
    const rig = listening();
    rig.tell(disk, devDereg, { operating: [text(Tag.entityIdentifier, `entity of ${disk}`)] });
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[removed, disk]] }]);
    rig.registerNode(disk, NodeType.target, '192.0.2.5');
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[added, disk]] }]);
    rig.registerNode('iqn.2001-04.com.example:other', NodeType.target, '192.0.2.7');
    assert.deepEqual(rig.notices(), [], 'it shares no domain');
  });

  test('a portal that comes, changes or goes is an update of the nodes it leads to', () => {
    const rig = listening();
    const key = [text(Tag.entityIdentifier, `entity of ${disk}`)];
    const portal = [ip(Tag.portalIpAddress, '192.0.2.6'), number(Tag.portalPort, 3260)];
    for (const operating of [
      [...key, ...portal],
      [...key, ...portal, text(Tag.portalSymbolicName, 'x')],
    ]) {
      rig.tell(disk, devAttrReg, { key, operating });
      assert.deepEqual(rig.notices(), [{ to: client, changes: [[updated, disk]] }]);
    }
    rig.tell(disk, devDereg, { operating: portal });
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[updated, disk]] }]);
  });

  test('a replaced object is removed and added again (RFC 4171 §5.6.5.1)', () => {
    const rig = listening();
    const operating = [text(Tag.iscsiName, disk), number(Tag.iscsiNodeType, 1)];
    rig.tell(disk, devAttrReg, { key: [text(Tag.iscsiName, disk)], operating, replace: true });
    assert.deepEqual(rig.notices(), [
      {
        to: client,
        changes: [
          [removed, disk],
          [added, disk],
        ],
      },
    ]);
  });

  test('several changes of one request come in one message', () => {
    const rig = listening();
    const second = 'iqn.2001-04.com.example:second';
    rig.tell(control, ddReg, { key: [number(Tag.ddId, 2)], operating: [text(Tag.ddMemberIscsiName, second)] });
    const key = [text(Tag.entityIdentifier, `entity of ${disk}`)];
    const node = (name: string) => [text(Tag.iscsiName, name), number(Tag.iscsiNodeType, 1)];
    rig.tell(disk, devAttrReg, { key, operating: [...key, ...node(disk), ...node(second)] });
    assert.deepEqual(rig.notices(), [
      {
        to: client,
        changes: [
          [updated, disk],
          [added, second],
        ],
      },
    ]);
  });

  test('of targets and itself only, of initiators and itself only (RFC 4171 §6.4.4)', () => {
    const peer = 'iqn.2001-04.com.example:peer';
    for (const [bit, expected] of [
      [ScnBitmap.targetAndSelfOnly, [disk, client]],
      [ScnBitmap.initiatorAndSelfOnly, [peer, client]],
      [0, [disk, peer, client]],
    ] as const) {
      const rig = listening(everything | bit);
      rig.registerNode(peer, NodeType.initiator, '192.0.2.3');
      rig.join(3, [client, peer]);
      rig.notices();
      for (const name of [disk, peer, client]) {
        rig.tell(name, devAttrReg, { key: [text(32, name)], operating: [text(32, name), text(34, 'x')] });
      }
      const [notice] = rig.notices();
      assert.deepEqual(
        notice?.changes.map(([, name]) => name),
        expected,
      );
    }
  });

  test('who is seen since a domain changed, and who is seen no more', () => {
    const rig = listening();
    const key = [number(Tag.ddId, 2)];
    rig.tell(control, ddDereg, { key, operating: [text(Tag.ddMemberIscsiName, disk)] });
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[removed, disk]] }]);
    rig.tell(control, ddReg, { key, operating: [text(Tag.ddMemberIscsiName, disk)] });
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[added, disk]] }]);
    for (const [status, event] of [
      [0, removed],
      [1, added],
    ] as const) {
      rig.tell(control, ddsReg, { key: [number(Tag.ddsId, 2)], operating: [number(Tag.ddsStatus, status)] });
      assert.deepEqual(rig.notices(), [{ to: client, changes: [[event, disk]] }]);
    }
    rig.join(3, [client, disk]);
    rig.tell(control, ddDereg, { key });
    assert.deepEqual(rig.notices(), [], 'they share another');
  });

  test('what a node wants told of itself (RFC 4171 §5.6.5.7)', () => {
    const rig = listening();
    const question = { key: [text(32, disk)], operating: [number(Tag.iscsiScnBitmap, updated)] };
    rig.tell(disk, scnEvent, question);
    assert.deepEqual(rig.notices(), [{ to: client, changes: [[updated, disk]] }]);
    assert.equal(rig.ask(client, scnEvent, question).status, Status.sourceUnauthorized);
    const unknown = { ...question, key: [text(32, 'iqn.2001-04.com.example:nobody')] };
    assert.equal(rig.ask(control, scnEvent, unknown).status, Status.scnEventRejected);
    const management = { ...question, operating: [number(Tag.iscsiScnBitmap, ScnBitmap.memberAdded)] };
    assert.equal(rig.ask(disk, scnEvent, management).status, Status.scnEventRejected);
    assert.deepEqual(rig.notices(), []);
  });

  test('destination and time first, then bitmap and name (RFC 4171 §5.6.5.8)', () => {
    const rig = listening();
    rig.tell(disk, devDereg, { operating: [text(32, disk)] });
    const [notice] = rig.registry.takeNotifications(rig.now);
    assert.ok(notice);
    assert.deepEqual(decodeAttributes(notice.payload).map(plain), [
      [32, client],
      [4, rig.now],
      [35, removed],
      [32, disk],
    ]);
    assert.deepEqual(notice.ports, [{ address: '192.0.2.2', transport: 'udp', port: 0x400 }]);
  });
});

test('control nodes are told of everything, with the domains and sets that it is about (RFC 4171 §5.6.5.8)', () => {
  const rig = new Rig();
  const all = everything | ScnBitmap.management | ScnBitmap.memberAdded | ScnBitmap.memberRemoved;
  rig.registerNode(control, NodeType.control, '192.0.2.1', [number(Tag.scnPort, 1024)]);
  assert.equal(listen(rig, control, all).status, Status.successful);
  rig.notices();
  const { management, memberAdded, memberRemoved } = ScnBitmap;
  rig.registerNode(disk, NodeType.target, '192.0.2.5');
  assert.deepEqual(rig.notices(), [{ to: control, changes: [[management | added, disk]] }]);
  rig.tell(control, ddReg, { operating: [number(Tag.ddId, 5), text(Tag.ddMemberIscsiName, disk)] });
  assert.deepEqual(rig.notices(), [
    {
      to: control,
      changes: [
        [management | added, '5'],
        [management | memberAdded, `${disk} 5`],
      ],
    },
  ]);
  rig.tell(control, ddsReg, { operating: [number(Tag.ddsId, 7), number(Tag.ddId, 5), number(Tag.ddsStatus, 1)] });
  assert.deepEqual(rig.notices(), [
    {
      to: control,
      changes: [
        [management | added, '7'],
        [management | memberAdded, '5 7'],
      ],
    },
  ]);
  rig.tell(disk, devDereg, { operating: [text(32, disk)] });
  assert.deepEqual(rig.notices(), [{ to: control, changes: [[management | removed, `${disk} 5 7`]] }]);
  rig.tell(control, ddDereg, { key: [number(Tag.ddId, 5)], operating: [text(Tag.ddMemberIscsiName, disk)] });
  assert.deepEqual(rig.notices(), [{ to: control, changes: [[management | memberRemoved, `${disk} 5 7`]] }]);
  rig.tell(control, ddReg, { key: [number(Tag.ddId, 5)], operating: [number(Tag.ddFeatures, 1)] });
  assert.deepEqual(rig.notices(), [{ to: control, changes: [[management | updated, '5 7']] }]);
  rig.tell(control, ddDereg, { key: [number(Tag.ddId, 5)] });
  assert.deepEqual(rig.notices(), [{ to: control, changes: [[management | removed, '5 7']] }]);
  assert.equal(
    rig.ask(control, FunctionId.ddsDereg, { key: [number(Tag.ddsId, 7)], operating: [nothing(1)] }).status,
    Status.invalidDeregistration,
  );
  rig.tell(control, FunctionId.ddsDereg, { key: [number(Tag.ddsId, 7)] });
  assert.deepEqual(rig.notices(), [{ to: control, changes: [[management | removed, '7']] }]);
});
