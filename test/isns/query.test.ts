import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attribute } from '../../src/isns/attribute.ts';
import { NodeType } from '../../src/isns/bitmap.ts';
import { FunctionId, ISNSP_VERSION } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { client, control, disk, ip, nothing, number, plain, Rig, text } from './support.ts';

const { devAttrReg, devAttrQry, devGetNext, devDereg } = FunctionId;

/** Two entities that share a domain: an initiator, and a target with two portals. */
function pair(): Rig {
  const rig = new Rig();
  rig.registerPair();
  const key = [text(Tag.entityIdentifier, `entity of ${disk}`)];
  rig.tell(disk, devAttrReg, {
    key,
    operating: [...key, ip(Tag.portalIpAddress, '192.0.2.6'), number(Tag.portalPort, 3260)],
  });
  rig.join(2, [client, disk]);
  return rig;
}

function values(attributes: readonly Attribute[]): unknown[] {
  return attributes.map((attribute) => plain(attribute)[1]);
}

describe('DevAttrQry', () => {
  const name = [text(Tag.iscsiName, disk)];

  test('of a node: its attributes, then its portals’, then its groups’, in the order asked (RFC 4171 §5.6.5.2)', () => {
    const rig = pair();
    const asked = [Tag.iscsiNodeType, Tag.iscsiName, Tag.portalPort, Tag.portalIpAddress, Tag.portalGroupTag].map(
      nothing,
    );
    const response = rig.tell(client, devAttrQry, { key: name, operating: asked });
    assert.deepEqual(response.key.map(plain), [[32, disk]]);
    const expected = [
      [33, 1],
      [32, disk],
      [17, 3260],
      [16, '192.0.2.5'],
      [17, 3260],
      [16, '192.0.2.6'],
      [51, 1],
      [51, 1],
    ];
    assert.deepEqual(response.operating.map(plain), expected);
  });

  test('a portal that leads nowhere is not shown (RFC 4171 §3.4)', () => {
    const rig = pair();
    const group = [nothing(51), ip(49, '192.0.2.5'), number(50, 3260)];
    rig.tell(disk, devAttrReg, { key: name, operating: [...name, ...group] });
    const asked = [nothing(Tag.iscsiName), nothing(Tag.portalIpAddress), nothing(Tag.pgPortalIpAddress)];
    assert.deepEqual(values(rig.tell(client, devAttrQry, { key: name, operating: asked }).operating), [
      disk,
      '192.0.2.6',
      '192.0.2.6',
    ]);
    const portal = [ip(16, '192.0.2.5'), number(17, 3260)];
    assert.deepEqual(values(rig.tell(control, devAttrQry, { key: portal, operating: [nothing(32)] }).operating), []);
  });

  test('a key without a value stands for all of its type, each with what belongs to it', () => {
    const rig = pair();
    const asked = [nothing(Tag.iscsiName), nothing(Tag.portalIpAddress)];
    const nodes = rig.tell(client, devAttrQry, { key: [nothing(Tag.iscsiName)], operating: asked });
    assert.deepEqual(values(nodes.operating), [client, '192.0.2.2', disk, '192.0.2.5', '192.0.2.6']);
    const entities = rig.tell(client, devAttrQry, {
      key: [nothing(Tag.entityIdentifier)],
      operating: [...asked].reverse(),
    });
    assert.deepEqual(values(entities.operating), ['192.0.2.2', client, '192.0.2.5', '192.0.2.6', disk]);
  });

  test('without a key, all of one type come before all of the next', () => {
    const rig = pair();
    const operating = [nothing(Tag.portalIpAddress), nothing(Tag.iscsiName)];
    const response = rig.tell(client, devAttrQry, { operating });
    assert.deepEqual(values(response.operating), ['192.0.2.2', '192.0.2.5', '192.0.2.6', client, disk]);
  });

  test('by attributes that are no keys: node type, protocol, index, portal', () => {
    const rig = pair();
    for (const [key, expected] of [
      [[number(Tag.iscsiNodeType, NodeType.target)], [disk]],
      [[number(Tag.iscsiNodeType, NodeType.initiator)], [client]],
      [[number(Tag.entityProtocol, 2)], [client, disk]],
      [[number(Tag.entityProtocol, 3)], []],
      [[text(Tag.entityIdentifier, `entity of ${disk}`)], [disk]],
      [[number(Tag.iscsiNodeIndex, 2)], [disk]],
      [[number(Tag.portalIndex, 3)], [disk]],
      [[number(Tag.pgIndex, 1)], [client]],
      [[number(Tag.ddId, 2)], [client, disk]],
      [[number(Tag.ddsId, 2)], [client, disk]],
      [[ip(Tag.portalIpAddress, '192.0.2.6'), number(Tag.portalPort, 3260)], [disk]],
    ] as const) {
      const response = rig.tell(client, devAttrQry, { key, operating: [nothing(Tag.iscsiName)] });
      assert.deepEqual(values(response.operating), expected, JSON.stringify(key.map(plain)));
    }
  });

  test('nothing that matches, or has a value, is no error (RFC 4171 §5.6.5.2)', () => {
    const rig = pair();
    const nobody = [text(Tag.iscsiName, 'iqn.2001-04.com.example:nobody')];
    assert.deepEqual(rig.tell(client, devAttrQry, { key: nobody }).operating, []);
    assert.deepEqual(rig.tell(client, devAttrQry, { key: name, operating: [nothing(Tag.iscsiAlias)] }).operating, []);
    assert.deepEqual(
      rig.tell(client, devAttrQry, { key: [text(Tag.iscsiName, client)], operating: [nothing(256)] }).operating,
      [],
    );
  });

  test('without operating attributes, all come (RFC 4171 §5.7.5.2)', () => {
    const rig = pair();
    const all = rig.tell(client, devAttrQry, { key: name }).operating.map(plain);
    const tags = new Set(all.map(([tag]) => tag));
    for (const tag of [1, 2, 4, 6, 7, 16, 17, 22, 32, 33, 36, 48, 49, 50, 51, 52])
      assert.ok(tags.has(tag), `tag ${tag}`);
    const [first] = all;
    assert.deepEqual(first, [32, disk], 'the object of the key first');
  });

  test('members of a domain, registered or not; node keys give those that are (RFC 4171 §5.6.5.2)', () => {
    const rig = pair();
    rig.join(
      3,
      [client, 'iqn.2001-04.com.example:later'],
      [number(Tag.ddFeatures, 1), ip(Tag.ddMemberPortalIpAddress, '192.0.2.9'), number(Tag.ddMemberPortalPort, 3260)],
    );
    const key = [number(Tag.ddId, 3)];
    const members = [
      Tag.ddMemberIscsiName,
      Tag.ddMemberIscsiIndex,
      Tag.ddMemberPortalIpAddress,
      Tag.ddMemberPortalPort,
    ];
    const response = rig.tell(client, devAttrQry, {
      key,
      operating: [nothing(Tag.ddFeatures), ...members.map(nothing)],
    });
    assert.deepEqual(response.operating.map(plain), [
      [2078, 1],
      [2067, 1],
      [2068, client],
      [2067, 3],
      [2068, 'iqn.2001-04.com.example:later'],
      [2071, '192.0.2.9'],
      [2072, 3260],
    ]);
    const nodes = rig.tell(client, devAttrQry, { key, operating: [nothing(Tag.iscsiName)] });
    assert.deepEqual(values(nodes.operating), [client]);
    const domains = rig.tell(client, devAttrQry, {
      key: [text(Tag.iscsiName, client)],
      operating: [nothing(Tag.ddId), nothing(Tag.ddsId)],
    });
    assert.deepEqual(values(domains.operating), [2, 3, 2, 3]);
  });

  for (const [what, key, operating, status] of [
    [
      'a key of two types of objects',
      [text(Tag.iscsiName, disk), number(Tag.entityProtocol, 2)],
      [],
      Status.invalidQuery,
    ],
    ['a key that is no object’s', [number(44, 1)], [], Status.invalidQuery],
    ['an attribute that nobody knows', [text(Tag.iscsiName, disk)], [nothing(44)], Status.attributeNotImplemented],
  ] as const) {
    test(`refused: ${what}`, () => {
      assert.equal(pair().ask(client, devAttrQry, { key, operating }).status, status);
    });
  }
});

describe('who may see what', () => {
  const names = (rig: Rig, source: string) => rig.namesFor(source);

  test('nodes that share an active domain, and oneself (RFC 4171 §2.2.2, §5.6.5.2)', () => {
    const rig = new Rig();
    rig.registerPair();
    assert.deepEqual(names(rig, client), [client]);
    rig.tell(control, FunctionId.ddReg, { operating: [client, disk].map((name) => text(Tag.ddMemberIscsiName, name)) });
    assert.deepEqual(names(rig, client), [client], 'a domain in no set is none');
    const set = { operating: [number(Tag.ddId, 2)] };
    rig.tell(control, FunctionId.ddsReg, set);
    assert.deepEqual(names(rig, client), [client], 'a set is disabled unless told otherwise (RFC 4171 §6.11.1.3)');
    const key = [number(Tag.ddsId, 2)];
    rig.tell(control, FunctionId.ddsReg, { key, operating: [number(Tag.ddsStatus, 1)] });
    assert.deepEqual(names(rig, client), [client, disk]);
    rig.tell(control, FunctionId.ddsReg, { key, operating: [number(Tag.ddsStatus, 0)] });
    assert.deepEqual(names(rig, client), [client]);
    assert.deepEqual(names(rig, control), [client, disk], 'control nodes see everything');
  });

  test('of a target’s portals, those that are in the domain, when there are any (RFC 4171 §2.2.2, §3.6)', () => {
    const rig = pair();
    const portals = () =>
      values(rig.tell(client, devAttrQry, { key: [text(Tag.iscsiName, disk)], operating: [nothing(16)] }).operating);
    assert.deepEqual(portals(), ['192.0.2.5', '192.0.2.6']);
    const member = [ip(Tag.ddMemberPortalIpAddress, '192.0.2.6'), number(Tag.ddMemberPortalPort, 3260)];
    rig.tell(control, FunctionId.ddReg, { key: [number(Tag.ddId, 2)], operating: member });
    assert.deepEqual(portals(), ['192.0.2.6']);
    rig.join(3, [client, disk]);
    assert.deepEqual(portals(), ['192.0.2.5', '192.0.2.6'], 'another domain shows all');
  });

  test('membership outlives registration: a member asks without being registered (RFC 4171 §2.2.2)', () => {
    const rig = pair();
    rig.tell(client, devDereg, { operating: [text(Tag.iscsiName, client)] });
    assert.deepEqual(names(rig, client), [disk]);
    rig.registerNode(client, NodeType.initiator);
    assert.deepEqual(names(rig, disk), [client, disk]);
  });

  test('who is not known, says nothing of itself, or speaks another version', () => {
    const rig = pair();
    const stranger = 'iqn.2001-04.com.example:stranger';
    for (const functionId of [devAttrQry, devGetNext, devDereg]) {
      assert.equal(rig.ask(stranger, functionId, { operating: [nothing(32)] }).status, Status.sourceUnknown);
      assert.equal(rig.ask(undefined, functionId).status, Status.sourceAbsent);
    }
    assert.equal(rig.ask(client, devAttrQry, { version: ISNSP_VERSION + 1 }).status, Status.versionNotSupported);
    assert.equal(rig.ask(client, 0x7f).status, Status.messageNotSupported);
    assert.equal(rig.ask(client, 0x11).status, Status.messageNotSupported, 'iFCP');
  });
});

describe('DevGetNext', () => {
  /** One after the other until there is no further one. */
  function walk(rig: Rig, source: string, first: readonly Attribute[], operating: readonly Attribute[] = []) {
    const found: unknown[][] = [];
    for (let key = first; ; ) {
      const response = rig.ask(source, devGetNext, { key, operating });
      if (response.status === Status.noSuchEntry) return found;
      assert.equal(response.status, Status.successful);
      assert.deepEqual(
        response.key.map(({ tag }) => tag),
        first.map(({ tag }) => tag),
      );
      found.push(values(operating.length === 0 ? response.key : response.operating));
      key = response.key;
    }
  }

  test('every object of a type once, then "no such entry" (RFC 4171 §5.6.5.3)', () => {
    const rig = pair();
    assert.deepEqual(walk(rig, client, [nothing(Tag.iscsiName)]), [[client], [disk]]);
    assert.deepEqual(walk(rig, client, [nothing(Tag.entityIdentifier)]), [
      [`entity of ${client}`],
      [`entity of ${disk}`],
    ]);
    const portals = walk(rig, client, [nothing(Tag.portalIpAddress), nothing(Tag.portalPort)]);
    assert.deepEqual(portals, [
      ['192.0.2.2', 3260],
      ['192.0.2.5', 3260],
      ['192.0.2.6', 3260],
    ]);
    for (const [tag, indexes] of [
      [Tag.iscsiNodeIndex, [[1], [2]]],
      [Tag.portalIndex, [[1], [2], [3]]],
      [Tag.pgIndex, [[1], [2], [3]]],
    ] as const) {
      assert.deepEqual(walk(rig, client, [nothing(tag)]), indexes);
    }
    assert.deepEqual(walk(rig, control, [nothing(Tag.ddId)]), [[2]]);
  });

  test('conditions choose among them, and attributes are returned as asked', () => {
    const rig = pair();
    const operating = [number(Tag.iscsiNodeType, NodeType.target), nothing(Tag.iscsiNodeIndex), nothing(Tag.iscsiName)];
    assert.deepEqual(walk(rig, client, [nothing(Tag.iscsiName)], operating), [[2, disk]]);
  });

  test('without operating attributes, all of the object’s own come, as open-isns’s clients expect', () => {
    const { operating } = pair().tell(client, devGetNext, { key: [nothing(Tag.iscsiName)] });
    assert.deepEqual(operating.map(plain), [
      [32, client],
      [33, 2],
      [36, 1],
    ]);
  });

  test('an object that has gone meanwhile: the next one behind it; the order stays (RFC 4171 §3.8)', () => {
    const rig = pair();
    rig.registerNode('iqn.2001-04.com.example:d', NodeType.target);
    rig.tell(control, devDereg, { operating: [text(Tag.iscsiName, 'iqn.2001-04.com.example:d')] });
    const { key } = rig.tell(control, devGetNext, { key: [text(Tag.iscsiName, 'iqn.2001-04.com.example:d')] });
    assert.deepEqual(values(key), [disk]);
  });

  test('only within the domains of whoever asks', () => {
    const rig = pair();
    rig.registerNode('iqn.2001-04.com.example:other', NodeType.target, '192.0.2.7');
    assert.deepEqual(walk(rig, client, [nothing(Tag.iscsiName)]), [[client], [disk]]);
    assert.equal(walk(rig, control, [nothing(Tag.iscsiName)]).length, 3);
  });

  test('refused: attributes of another type, a key in part', () => {
    const rig = pair();
    for (const [key, operating] of [
      [[nothing(Tag.entityIdentifier)], [nothing(Tag.portalPort)]],
      [[nothing(Tag.portalIpAddress)], []],
      [[nothing(Tag.iscsiAlias)], []],
    ] as const) {
      assert.equal(rig.ask(client, devGetNext, { key, operating }).status, Status.invalidQuery);
    }
  });
});
