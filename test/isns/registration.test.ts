import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Attribute, textOf } from '../../src/isns/attribute.ts';
import { NodeType } from '../../src/isns/bitmap.ts';
import { FunctionId } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { client, control, disk, ip, nothing, number, plain, Rig, text } from './support.ts';

const { devAttrReg, devAttrQry, devDereg } = FunctionId;
const entity = text(Tag.entityIdentifier, 'storage.example.com');
const protocol = number(Tag.entityProtocol, 2);
const node = (name: string, type: number = NodeType.target): Attribute[] => [
  text(Tag.iscsiName, name),
  number(Tag.iscsiNodeType, type),
];
const portal = (address: string, port = 3260): Attribute[] => [
  ip(Tag.portalIpAddress, address),
  number(Tag.portalPort, port),
];

/** Portal groups of a node: address, tag. */
function groupsOf(rig: Rig, name: string): unknown[] {
  const operating = [Tag.pgPortalIpAddress, Tag.portalGroupTag].map(nothing);
  const groups = rig.tell(control, devAttrQry, { key: [text(Tag.iscsiName, name)], operating }).operating.map(plain);
  return groups.map(([, value]) => value);
}

describe('DevAttrReg', () => {
  test('a new entity gets an identifier of the server’s, which begins with "isns:" (RFC 4171 §6.2.1)', () => {
    const rig = new Rig();
    for (const [name, operating] of [
      [disk, [nothing(Tag.entityIdentifier), protocol, ...node(disk)]],
      [client, node(client, NodeType.initiator)],
    ] as const) {
      const { key } = rig.tell(name, devAttrReg, { operating });
      assert.match(key.map(textOf).join(), /^isns:./);
    }
  });

  test('key and what was registered come back, nothing that is implied (RFC 4171 §5.7.5.1)', () => {
    const rig = new Rig();
    const alias = text(Tag.iscsiAlias, 'our disk');
    const operating = [entity, protocol, ...portal('192.0.2.5'), ...node(disk), alias];
    const response = rig.tell(disk, devAttrReg, { key: [entity], operating });
    assert.deepEqual(response.key.map(plain), [[1, 'storage.example.com']]);
    assert.deepEqual(response.operating.map(plain), [
      [1, 'storage.example.com'],
      [2, 2],
      // The server chose it (RFC 4171 §6.2.6).
      [6, 3600],
      [16, '192.0.2.5'],
      [17, 3260],
      [32, disk],
      [33, 1],
      [34, 'our disk'],
    ]);
  });

  test('an identifier that is known: objects are added to it, attributes change (RFC 4171 §5.6.5.1)', () => {
    const rig = new Rig();
    rig.tell(disk, devAttrReg, { key: [entity], operating: [entity, protocol, ...portal('192.0.2.5'), ...node(disk)] });
    const more = [entity, ...portal('192.0.2.6'), text(Tag.portalSymbolicName, 'second')];
    rig.tell(disk, devAttrReg, { key: [entity], operating: more });
    const name = text(Tag.iscsiName, disk);
    rig.tell(disk, devAttrReg, { key: [name], operating: [name, text(Tag.iscsiAlias, 'new')] });
    rig.tell(disk, devAttrReg, {
      key: portal('192.0.2.6'),
      operating: [...portal('192.0.2.6'), number(Tag.scnPort, 3205)],
    });
    const asked = [Tag.iscsiName, Tag.iscsiAlias, Tag.portalIpAddress, Tag.portalSymbolicName, Tag.scnPort].map(
      nothing,
    );
    assert.deepEqual(rig.tell(disk, devAttrQry, { key: [entity], operating: asked }).operating.map(plain), [
      [32, disk],
      [34, 'new'],
      [16, '192.0.2.5'],
      [16, '192.0.2.6'],
      [18, 'second'],
      [23, 3205],
    ]);
  });

  test('replaced: what was there and is not named is gone; with a node as key, only that is replaced', () => {
    const rig = new Rig();
    const second = 'iqn.2001-04.com.example:second';
    const operating = [
      entity,
      protocol,
      ...portal('192.0.2.5'),
      ...node(disk),
      ...node(second),
      text(Tag.iscsiAlias, 'x'),
    ];
    rig.tell(disk, devAttrReg, { key: [entity], operating });
    const name = text(Tag.iscsiName, second);
    rig.tell(disk, devAttrReg, { key: [name], operating: node(second), replace: true });
    const aliases = rig.tell(control, devAttrQry, { operating: [nothing(Tag.iscsiName), nothing(Tag.iscsiAlias)] });
    assert.deepEqual(aliases.operating.map(plain), [
      [32, disk],
      [32, second],
    ]);
    rig.tell(disk, devAttrReg, { key: [entity], operating: [entity, protocol, ...node(disk)], replace: true });
    const all = rig.tell(control, devAttrQry, { operating: [nothing(Tag.iscsiName), nothing(Tag.portalIpAddress)] });
    assert.deepEqual(all.operating.map(plain), [[32, disk]]);
  });

  test('portal groups: 1 unless said otherwise, from the portal’s side and the node’s, NULL, changed (RFC 4171 §5.6.5.1, §6.5.4)', () => {
    const rig = new Rig();
    const [five, seven] = [number(Tag.portalGroupTag, 5), number(Tag.portalGroupTag, 7)];
    const groupPortal = (address: string) => [ip(Tag.pgPortalIpAddress, address), number(Tag.pgPortalPort, 3260)];
    const operating = [
      ...[entity, protocol, ...portal('192.0.2.5'), five, text(Tag.pgIscsiName, disk)],
      ...[...portal('192.0.2.6'), ...portal('192.0.2.7'), ...portal('192.0.2.8')],
      ...[...node(disk), seven, ...groupPortal('192.0.2.6'), nothing(Tag.portalGroupTag), ...groupPortal('192.0.2.7')],
    ];
    const response = rig.tell(disk, devAttrReg, { key: [entity], operating });
    assert.deepEqual(
      response.operating.filter(({ tag }) => tag === Tag.portalGroupTag).map(plain),
      [
        [51, 5],
        [51, 7],
        [51, null],
      ],
      'what was registered by hand, and no other',
    );
    // NULL relates nothing.
    assert.deepEqual(groupsOf(rig, disk), ['192.0.2.5', 5, '192.0.2.6', 7, '192.0.2.8', 1]);
    const name = text(Tag.iscsiName, disk);
    const changed = [name, nothing(Tag.portalGroupTag), ...groupPortal('192.0.2.5')];
    rig.tell(disk, devAttrReg, { key: [name], operating: changed });
    assert.deepEqual(groupsOf(rig, disk), ['192.0.2.6', 7, '192.0.2.8', 1]);
  });

  test('a group with its whole key, as open-isns writes it', () => {
    const rig = new Rig();
    const key = [text(Tag.pgIscsiName, disk), ip(Tag.pgPortalIpAddress, '192.0.2.5'), number(Tag.pgPortalPort, 3260)];
    const operating = [...node(disk), ...portal('192.0.2.5'), ...key, number(Tag.portalGroupTag, 9)];
    rig.tell(disk, devAttrReg, { key: [entity], operating });
    assert.deepEqual(groupsOf(rig, disk), ['192.0.2.5', 9]);
  });

  test('names are prepared before they are kept (RFC 4171 §6.4.1)', () => {
    const rig = new Rig();
    const operating = [entity, protocol, ...node('IQN.2001-04.com.example:DISK'), ...node(client)];
    rig.tell(client, devAttrReg, { operating });
    assert.deepEqual(rig.namesFor(control), [client, disk]);
  });

  test('who writes names with capitals is the same node in source, key and attributes (RFC 4171 §5.6.2, §5.6.4)', () => {
    const rig = new Rig();
    const loud = 'IQN.2001-04.com.example:DISK';
    const ports = [ip(Tag.portalIpAddress, '192.0.2.5'), number(Tag.portalPort, 3260), number(Tag.scnPort, 5000)];
    rig.tell(loud, devAttrReg, { operating: [entity, protocol, ...ports, ...node(loud)] });
    const key = [text(Tag.iscsiName, loud)];
    const { operating } = rig.tell(loud, devAttrQry, { key, operating: [nothing(Tag.iscsiName)] });
    assert.deepEqual(operating.map(textOf), [disk]);
    rig.tell(loud, FunctionId.scnReg, { key, operating: [number(Tag.iscsiScnBitmap, 4)] });
    rig.tell(loud, devDereg, { operating: key });
    assert.deepEqual(rig.namesFor(control), []);
  });

  test('an administrator who writes a name with capitals means the same node', () => {
    const rig = new Rig();
    rig.registerPair();
    const key = [text(Tag.iscsiName, 'IQN.2001-04.com.example:DISK')];
    const asked = rig.registry.administer(
      { functionId: devAttrQry, key, operating: [nothing(Tag.iscsiName)] },
      rig.now,
    );
    assert.deepEqual(asked.operating.map(textOf), [disk]);
    assert.equal(rig.registry.administer({ functionId: devDereg, operating: key }, rig.now).status, Status.successful);
    assert.deepEqual(rig.namesFor(control), [client]);
  });

  test('vendors’ attributes survive byte for byte, and one without a value goes', () => {
    const rig = new Rig();
    const vendor = { tag: 700, value: Uint8Array.of(1, 2, 3, 0xff) };
    rig.tell(disk, devAttrReg, { key: [entity], operating: [entity, protocol, ...node(disk), vendor] });
    const name = [text(Tag.iscsiName, disk)];
    const ask = () => rig.tell(disk, devAttrQry, { key: name, operating: [nothing(700)] }).operating;
    assert.deepEqual(ask(), [vendor]);
    rig.tell(disk, devAttrReg, { key: name, operating: [...name, nothing(700)] });
    assert.deepEqual(ask(), []);
  });

  for (const [what, status, operating, key = [entity]] of [
    ['an entity with nothing in it', Status.invalidRegistration, [entity, protocol]],
    [
      'an identifier of the form that is the server’s',
      Status.invalidRegistration,
      [text(1, 'isns:9'), protocol, ...node(disk)],
      [text(1, 'isns:9')],
    ],
    [
      'a key that names no node (RFC 4171 §5.6.5.1)',
      Status.invalidRegistration,
      node(disk),
      [text(Tag.iscsiName, disk)],
    ],
    ['two entities', Status.messageFormatError, [entity, protocol, ...node(disk), text(1, 'other')]],
    [
      'an attribute before its object (RFC 4171 §5.6.4)',
      Status.messageFormatError,
      [number(Tag.iscsiNodeType, 1), text(Tag.iscsiName, disk)],
    ],
    [
      'an attribute of another object',
      Status.messageFormatError,
      [entity, protocol, ...node(disk), number(Tag.scnPort, 1)],
    ],
    ['an address without its port', Status.messageFormatError, [entity, protocol, ip(16, '192.0.2.5'), ...node(disk)]],
    ['an object twice', Status.messageFormatError, [entity, protocol, ...node(disk), ...node(disk)]],
    [
      'a value of the wrong length',
      Status.messageFormatError,
      [entity, protocol, text(32, disk), text(33, 'too long')],
    ],
    ['a new node without a type', Status.invalidRegistration, [entity, protocol, text(Tag.iscsiName, disk)]],
    ['what is no iSCSI name', Status.invalidRegistration, [entity, protocol, ...node('disk'), ...node(disk)]],
    [
      'a group tag of more than 16 bits',
      Status.invalidRegistration,
      [entity, protocol, ...node(disk), number(51, 65_536)],
    ],
    [
      'a timestamp (RFC 4171 §6.2.4)',
      Status.invalidRegistration,
      [entity, { tag: 4, value: new Uint8Array(8) }, ...node(disk)],
    ],
    ['the next index of entities (RFC 4171 §6.2.8)', Status.invalidRegistration, [entity, number(8, 1), ...node(disk)]],
    [
      'an attribute of the server (RFC 4171 §6.9)',
      Status.invalidRegistration,
      [entity, protocol, ...node(disk), number(256, 1)],
    ],
    [
      'an attribute that nobody knows',
      Status.attributeNotImplemented,
      [entity, protocol, ...node(disk), number(44, 1)],
    ],
    [
      'inquiries without a port for them (RFC 4171 §6.3.5)',
      Status.invalidRegistration,
      [entity, ...portal('192.0.2.5'), number(19, 60), ...node(disk)],
    ],
    [
      'a control node that nobody made one (RFC 4171 §6.4.2)',
      Status.sourceUnauthorized,
      [entity, protocol, ...node(disk, 5)],
    ],
    ['notices for control nodes', Status.scnRegistrationRejected, [entity, protocol, ...node(disk), number(35, 0x28)]],
    ['a group by its index', Status.registrationFeatureNotSupported, [number(52, 1), number(51, 1)], [number(52, 1)]],
    ['somebody else’s objects (RFC 4171 §5.6.1)', Status.sourceUnauthorized, [entity, protocol, ...node(client)]],
  ] as const satisfies readonly (readonly [string, number, readonly Attribute[], (readonly Attribute[])?])[]) {
    test(`refused as a whole: ${what}`, () => {
      const rig = new Rig();
      assert.equal(rig.ask(disk, devAttrReg, { key, operating }).status, status);
      assert.deepEqual([...rig.records], []);
    });
  }

  test('refused: what belongs to another entity, and new objects for one', () => {
    const rig = new Rig();
    rig.registerPair();
    const own = [text(Tag.entityIdentifier, `entity of ${client}`)];
    for (const [operating, status] of [
      [[...own, ...node(disk)], Status.invalidRegistration],
      [[...own, ...portal('192.0.2.5')], Status.invalidRegistration],
      [[text(Tag.iscsiName, client), number(51, 1), ip(49, '192.0.2.5'), number(50, 3260)], Status.invalidRegistration],
    ] as const) {
      assert.equal(rig.ask(client, devAttrReg, { key: own, operating }).status, status);
    }
    const other = [text(Tag.entityIdentifier, `entity of ${disk}`)];
    const added = [...other, ...portal('192.0.2.9')];
    assert.equal(rig.ask(client, devAttrReg, { key: other, operating: added }).status, Status.sourceUnauthorized);
    rig.tell(control, devAttrReg, { key: other, operating: added });
  });

  test('a full database is busy', () => {
    const rig = new Rig({ maxObjects: 3 });
    rig.registerNode(disk, NodeType.target);
    const operating = [...node(client, NodeType.initiator), ...portal('192.0.2.5')];
    assert.equal(rig.ask(client, devAttrReg, { operating }).status, Status.busy);
  });
});

describe('DevDereg', () => {
  test('an entity goes with all that it contains, and with its last object (RFC 4171 §5.6.5.4)', () => {
    const rig = new Rig();
    rig.registerPair();
    rig.tell(client, devDereg, { operating: [text(Tag.entityIdentifier, `entity of ${client}`)] });
    assert.deepEqual(rig.namesFor(control), [disk]);
    rig.tell(disk, devDereg, { operating: portal('192.0.2.5') });
    const kinds = () => new Set([...rig.records.keys()].map((key) => key.split(' ')[0]));
    assert.deepEqual(kinds(), new Set(['counter', 'entity', 'node', 'portalGroup']));
    rig.tell(disk, devDereg, { operating: [text(Tag.iscsiName, disk)] });
    assert.deepEqual(kinds(), new Set(['counter']));
  });

  test('by index; what is not there is no error', () => {
    const rig = new Rig();
    rig.registerPair();
    rig.tell(client, devDereg, {
      operating: [text(Tag.iscsiName, 'iqn.2001-04.com.example:nobody'), ...portal('192.0.2.99')],
    });
    rig.tell(client, devDereg, { operating: [number(Tag.portalIndex, 1), number(Tag.iscsiNodeIndex, 1)] });
    assert.deepEqual(rig.namesFor(control), [disk]);
  });

  test('a group outlives one of its sides, and relates them again when it comes back (RFC 4171 §5.6.5.4)', () => {
    const rig = new Rig();
    const name = [text(Tag.iscsiName, disk)];
    const helper = node('iqn.2001-04.com.example:helper');
    const group = [number(51, 5), ip(49, '192.0.2.5'), number(50, 3260)];
    const operating = [entity, protocol, ...portal('192.0.2.5'), ...helper, ...node(disk), ...group];
    rig.tell(disk, devAttrReg, { key: [entity], operating });
    rig.tell(disk, devDereg, { operating: name });
    rig.tell('iqn.2001-04.com.example:helper', devAttrReg, { key: [entity], operating: [entity, ...node(disk)] });
    assert.deepEqual(groupsOf(rig, disk), ['192.0.2.5', 5]);
  });

  test('only one’s own entity, but for control nodes; nothing is removed when anything may not be', () => {
    const rig = new Rig();
    rig.registerPair();
    const both = [text(Tag.iscsiName, client), text(Tag.iscsiName, disk)];
    const refused = rig.ask(client, devDereg, { operating: both });
    assert.equal(refused.status, Status.sourceUnauthorized);
    assert.deepEqual(refused.operating.map(plain), [[32, disk]]);
    assert.deepEqual(rig.namesFor(control), [client, disk]);
    assert.equal(
      rig.ask(client, devDereg, { operating: [number(Tag.iscsiNodeType, 1)] }).status,
      Status.invalidDeregistration,
    );
    rig.tell(control, devDereg, { operating: both });
    assert.deepEqual(rig.namesFor(control), []);
  });
});

describe('indexes', () => {
  test('none is given again soon, not even after a restart (RFC 4171 §6.3.6, §6.4.5)', () => {
    const rig = new Rig();
    const indexes = () => {
      const operating = [Tag.entityIndex, Tag.portalIndex, Tag.iscsiNodeIndex, Tag.pgIndex].map(nothing);
      const key = [text(Tag.iscsiName, disk)];
      return rig.tell(control, devAttrQry, { key, operating }).operating.map((attribute) => plain(attribute)[1]);
    };
    rig.registerNode(disk, NodeType.target, '192.0.2.5');
    assert.deepEqual(indexes(), [1, 1, 1, 1]);
    rig.tell(disk, devDereg, { operating: [text(Tag.entityIdentifier, `entity of ${disk}`)] });
    rig.restart();
    rig.registerNode(disk, NodeType.target, '192.0.2.5');
    assert.deepEqual(indexes(), [2, 2, 2, 2]);
    const next = [
      Tag.entityNextIndex,
      Tag.portalNextIndex,
      Tag.iscsiNodeNextIndex,
      Tag.pgNextIndex,
      Tag.ddNextId,
      Tag.ddsNextId,
    ];
    const response = rig.tell(disk, devAttrQry, { operating: next.map(nothing) });
    assert.deepEqual(
      response.operating.map((attribute) => plain(attribute)[1]),
      [3, 3, 3, 3, 2, 2],
    );
  });
});

describe('what is kept', () => {
  test('a restart changes nothing of what can be asked', () => {
    const rig = new Rig();
    rig.registerPair();
    rig.join(
      5,
      [client, disk, 'iqn.2001-04.com.example:later'],
      [
        number(Tag.ddFeatures, 1),
        ip(Tag.ddMemberPortalIpAddress, '192.0.2.5'),
        number(Tag.ddMemberPortalPort, 3260),
        { tag: 1300, value: Uint8Array.of(1, 2, 3, 4) },
      ],
    );
    rig.tell(client, FunctionId.scnReg, {
      key: [text(Tag.iscsiName, client)],
      operating: [number(Tag.iscsiScnBitmap, 0x5c)],
    });
    const before = rig.tell(control, devAttrQry).operating.map(plain);
    assert.ok(before.length > 40);
    rig.restart();
    assert.deepEqual(rig.tell(control, devAttrQry).operating.map(plain), before);
  });

  test('a record that cannot be read is named', () => {
    const rig = new Rig();
    rig.registerPair();
    const record = rig.records.get(`node ${disk}`);
    assert.ok(record);
    rig.records.set('x', { ...record, record: record.record.subarray(0, 20) });
    assert.throws(() => rig.restart(), { code: 'ISNS_STATE_CORRUPT' });
  });
});
