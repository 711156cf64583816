import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attribute } from '../../src/isns/attribute.ts';
import { NodeType } from '../../src/isns/bitmap.ts';
import { FunctionId } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { client, control, disk, ip, nothing, number, plain, Rig, text } from './support.ts';

const { ddReg, ddDereg, ddsReg, ddsDereg, devAttrQry } = FunctionId;
const later = 'iqn.2001-04.com.example:later';
const member = (name: string) => text(Tag.ddMemberIscsiName, name);
const memberPortal = (address: string): Attribute[] => [
  ip(Tag.ddMemberPortalIpAddress, address),
  number(Tag.ddMemberPortalPort, 3260),
];

function ask(rig: Rig, key: Attribute, ...tags: number[]): unknown[] {
  return rig.tell(control, devAttrQry, { key: [key], operating: tags.map(nothing) }).operating.map(plain);
}

describe('DDReg', () => {
  test('a new domain: identifier, name and features are the server’s unless they are given (RFC 4171 §5.6.5.9)', () => {
    const rig = new Rig();
    const made = rig.tell(control, ddReg);
    assert.deepEqual(made.key, []);
    assert.deepEqual(made.operating.map(plain), [
      [2065, 2],
      [2066, 'DD 2'],
      [2078, 0],
    ]);
    const given = [number(Tag.ddId, 9), text(Tag.ddSymbolicName, 'boot'), number(Tag.ddFeatures, 1)];
    const second = rig.tell(control, ddReg, { operating: given });
    assert.deepEqual(second.operating.map(plain), [
      [2065, 9],
      [2066, 'boot'],
      [2078, 1],
    ]);
    const third = rig.tell(control, ddReg, { operating: [nothing(Tag.ddId), nothing(Tag.ddSymbolicName)] });
    assert.deepEqual(third.operating.map(plain), [
      [2065, 10],
      [2066, 'DD 10'],
      [2078, 0],
    ]);
  });

  test('members who are not registered get their index at once, and keep it (RFC 4171 §5.6.5.9, §6.4.5)', () => {
    const rig = new Rig();
    rig.registerNode(disk, NodeType.target, '192.0.2.5');
    const operating = [member(disk), member(later), ...memberPortal('192.0.2.5'), ...memberPortal('192.0.2.9')];
    const made = rig.tell(control, ddReg, { operating });
    assert.deepEqual(made.operating.map(plain), [
      [2065, 2],
      [2066, 'DD 2'],
      [2067, 2],
      [2068, later],
      [2070, 2],
      [2071, '192.0.2.9'],
      [2072, 3260],
      [2078, 0],
    ]);
    rig.restart();
    rig.registerNode(client, NodeType.initiator, '192.0.2.2');
    rig.registerNode(later, NodeType.target, '192.0.2.9');
    assert.deepEqual(ask(rig, text(Tag.iscsiName, later), Tag.iscsiNodeIndex, Tag.portalIndex), [
      [36, 2],
      [22, 2],
    ]);
    assert.deepEqual(ask(rig, text(Tag.iscsiName, client), Tag.iscsiNodeIndex, Tag.portalIndex), [
      [36, 3],
      [22, 3],
    ]);
  });

  test('an update adds members, and changes name and features; by index those that are registered', () => {
    const rig = new Rig();
    rig.registerPair();
    rig.tell(control, ddReg, { operating: [member(later)] });
    const key = [number(Tag.ddId, 2)];
    const operating = [
      number(Tag.ddMemberIscsiIndex, 2),
      number(Tag.ddMemberPortalIndex, 1),
      number(Tag.ddFeatures, 1),
    ];
    const updated = rig.tell(control, ddReg, {
      key,
      operating: [...key, ...operating, text(Tag.ddSymbolicName, 'new')],
    });
    assert.deepEqual(updated.key.map(plain), [[2065, 2]]);
    assert.deepEqual(updated.operating.map(plain), [
      [2065, 2],
      [2066, 'new'],
      [2078, 1],
    ]);
    const members = ask(rig, number(Tag.ddId, 2), Tag.ddMemberIscsiName, Tag.ddMemberPortalIpAddress);
    assert.deepEqual(members, [
      [2068, later],
      [2068, disk],
      [2071, '192.0.2.2'],
    ]);
  });

  for (const [what, status, operating, key = []] of [
    [
      'a name that is taken, which is told (RFC 4171 §6.11.2.2)',
      Status.invalidRegistration,
      [text(Tag.ddSymbolicName, 'taken')],
    ],
    ['a domain of that identifier', Status.invalidRegistration, [number(Tag.ddId, 2)]],
    ['the identifier 0 (RFC 4171 §6.11.2.1)', Status.invalidRegistration, [number(Tag.ddId, 0)]],
    ['a key that is no domain', Status.invalidRegistration, [], [number(Tag.ddId, 7)]],
    ['another identifier than the key’s', Status.invalidRegistration, [number(Tag.ddId, 3)], [number(Tag.ddId, 2)]],
    ['an index that nobody has', Status.invalidRegistration, [number(Tag.ddMemberIscsiIndex, 77)]],
    ['the index of a portal that nobody has', Status.invalidRegistration, [number(Tag.ddMemberPortalIndex, 77)]],
    ['the next identifier (RFC 4171 §6.11.2.10)', Status.invalidRegistration, [number(Tag.ddNextId, 7)]],
    ['a node’s attribute', Status.invalidRegistration, [text(Tag.iscsiName, disk)]],
    ['a member that is no iSCSI name', Status.invalidRegistration, [member('nobody')]],
    ['a portal without its port', Status.messageFormatError, [ip(Tag.ddMemberPortalIpAddress, '192.0.2.5')]],
    ['a port without its portal', Status.messageFormatError, [number(Tag.ddMemberPortalPort, 1)]],
    ['an attribute that nobody knows', Status.attributeNotImplemented, [number(2077, 1)]],
  ] as const satisfies readonly (readonly [string, number, readonly Attribute[], (readonly Attribute[])?])[]) {
    test(`refused: ${what}`, () => {
      const rig = new Rig();
      rig.tell(control, ddReg, { operating: [text(Tag.ddSymbolicName, 'taken')] });
      const before = [...rig.records.keys()];
      assert.equal(rig.ask(control, ddReg, { key, operating }).status, status);
      assert.deepEqual([...rig.records.keys()], before);
    });
  }
});

describe('DDDereg', () => {
  test('members go, then the domain, and what is not there is no error (RFC 4171 §5.6.5.10)', () => {
    const rig = new Rig();
    rig.registerPair();
    rig.join(2, [client, disk, later], memberPortal('192.0.2.5'));
    const key = [number(Tag.ddId, 2)];
    const operating = [member(disk), member('iqn.2001-04.com.example:nobody'), ...memberPortal('192.0.2.5')];
    rig.tell(control, ddDereg, { key, operating });
    const members = ask(rig, number(Tag.ddId, 2), Tag.ddMemberIscsiName, Tag.ddMemberPortalIpAddress);
    assert.deepEqual(members, [
      [2068, client],
      [2068, later],
    ]);
    rig.tell(control, ddDereg, { key, operating: [member('nobody')] });
    rig.tell(control, ddDereg, { key });
    rig.tell(control, ddDereg, { key });
    assert.deepEqual(ask(rig, number(Tag.ddsId, 2), Tag.ddId), [], 'nor is it in a set');
    assert.deepEqual(rig.namesFor(control), [client, disk], 'the nodes stay');
    assert.equal(rig.ask(control, ddDereg, { key: [text(Tag.iscsiName, disk)] }).status, Status.invalidDeregistration);
  });

  test('by index, members go whether they are registered or not, and an index of nobody is no error (RFC 4171 §5.6.5.10)', () => {
    const rig = new Rig();
    rig.registerPair();
    const portals = [...memberPortal('192.0.2.5'), ...memberPortal('192.0.2.66')];
    rig.join(2, [client, disk, later], portals);
    const indexes = [Tag.ddMemberIscsiIndex, Tag.ddMemberPortalIndex].map(nothing);
    const asked = rig.tell(control, devAttrQry, { key: [number(Tag.ddId, 2)], operating: indexes });
    // The client and the disk are registered and the third is not; of the portals, the first is.
    const byIndex = [...asked.operating].sort((one, other) => one.tag - other.tag);
    const [, disks, laters, ...ofPortals] = byIndex;
    assert.ok(disks && laters);
    assert.equal(ofPortals.length, 2);
    const nobodys = [number(Tag.ddMemberIscsiIndex, 77), number(Tag.ddMemberPortalIndex, 77)];
    const operating = [...nobodys, disks, laters, ...ofPortals];
    rig.tell(control, ddDereg, { key: [number(Tag.ddId, 2)], operating });
    const members = ask(rig, number(Tag.ddId, 2), Tag.ddMemberIscsiName, Tag.ddMemberPortalIpAddress);
    assert.deepEqual(members, [[2068, client]]);
    rig.tell(control, ddDereg, { key: [number(Tag.ddId, 9)], operating: nobodys });
  });

  test('a domain that comes again has none of the old one’s members', () => {
    const rig = new Rig();
    rig.join(2, [client]);
    rig.tell(control, ddDereg, { key: [number(Tag.ddId, 2)] });
    rig.tell(control, ddReg, { operating: [number(Tag.ddId, 2)] });
    assert.deepEqual(ask(rig, number(Tag.ddId, 2), Tag.ddMemberIscsiName), []);
  });
});

describe('DDSReg and DDSDereg', () => {
  test('a new set is disabled; domains that are not there are made (RFC 4171 §5.6.5.11, §6.11.1.3)', () => {
    const rig = new Rig();
    const made = rig.tell(control, ddsReg, { operating: [number(Tag.ddId, 5)] });
    assert.deepEqual(made.operating.map(plain), [
      [2049, 2],
      [2050, 'DDS 2'],
      [2065, 5],
      [2066, 'DD 5'],
      [2078, 0],
    ]);
    assert.deepEqual(ask(rig, number(Tag.ddsId, 2), Tag.ddsStatus, Tag.ddId), [
      [2051, 0],
      [2065, 5],
    ]);
    const key = [number(Tag.ddsId, 2)];
    const operating = [text(Tag.ddsSymbolicName, 'boot'), number(Tag.ddsStatus, 1)];
    const updated = rig.tell(control, ddsReg, { key, operating });
    assert.deepEqual(updated.operating.map(plain), [
      [2049, 2],
      [2050, 'boot'],
      [2051, 1],
    ]);
    rig.restart();
    assert.deepEqual(ask(rig, number(Tag.ddsId, 2), Tag.ddsStatus, Tag.ddId), [
      [2051, 1],
      [2065, 5],
    ]);
  });

  test('domains leave a set, then the set goes; the domains stay (RFC 4171 §5.6.5.12)', () => {
    const rig = new Rig();
    rig.tell(control, ddsReg, { operating: [number(Tag.ddId, 5), number(Tag.ddId, 6)] });
    const key = [number(Tag.ddsId, 2)];
    rig.tell(control, ddsDereg, { key, operating: [number(Tag.ddId, 5), number(Tag.ddId, 99)] });
    assert.deepEqual(ask(rig, number(Tag.ddsId, 2), Tag.ddId), [[2065, 6]]);
    rig.tell(control, ddsDereg, { key });
    rig.tell(control, ddsDereg, { key });
    assert.deepEqual(ask(rig, nothing(Tag.ddId), Tag.ddId), [
      [2065, 5],
      [2065, 6],
    ]);
  });

  for (const [what, status, operating, key = []] of [
    ['a name that is taken (RFC 4171 §6.11.1.2)', Status.invalidRegistration, [text(Tag.ddsSymbolicName, 'taken')]],
    ['a key that is no set', Status.invalidRegistration, [], [number(Tag.ddsId, 7)]],
    ['another identifier than the key’s', Status.invalidRegistration, [number(Tag.ddsId, 3)], [number(Tag.ddsId, 2)]],
    ['the identifier 0', Status.invalidRegistration, [number(Tag.ddsId, 0)]],
    ['a domain numbered 0', Status.invalidRegistration, [number(Tag.ddId, 0)]],
    ['the next identifier (RFC 4171 §6.11.1.4)', Status.invalidRegistration, [number(Tag.ddsNextId, 7)]],
    ['an attribute that nobody knows', Status.attributeNotImplemented, [number(2060, 1)]],
  ] as const satisfies readonly (readonly [string, number, readonly Attribute[], (readonly Attribute[])?])[]) {
    test(`refused: ${what}`, () => {
      const rig = new Rig();
      rig.tell(control, ddsReg, { operating: [text(Tag.ddsSymbolicName, 'taken')] });
      assert.equal(rig.ask(control, ddsReg, { key, operating }).status, status);
    });
  }
});

test('only control nodes change domains and sets, unless an administrator says otherwise (RFC 4171 §2.4)', () => {
  const rig = new Rig();
  rig.registerPair();
  rig.join(2, [client, disk]);
  for (const functionId of [ddReg, ddDereg, ddsReg, ddsDereg]) {
    for (const source of [client, disk, later]) {
      assert.equal(rig.ask(source, functionId, { key: [number(Tag.ddId, 2)] }).status, Status.sourceUnauthorized);
    }
  }
});
