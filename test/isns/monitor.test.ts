import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeAttributes } from '../../src/isns/attribute.ts';
import { NodeType } from '../../src/isns/bitmap.ts';
import { FunctionId } from '../../src/isns/pdu.ts';
import { Tag } from '../../src/isns/tag.ts';
import { client, control, disk, ip, number, plain, Rig, text } from './support.ts';

const { devAttrReg, devAttrQry } = FunctionId;
const INTERVAL = 60;

/** Lets a second pass after the other; gives the inquiries that are sent, by second and portal. */
function pass(
  rig: Rig,
  seconds: number,
  answers: (portal: string) => boolean = () => false,
): [second: number, portal: string][] {
  const sent: [number, string][] = [];
  for (let second = 1; second <= seconds; second++) {
    rig.now += 1;
    for (const { portal } of rig.registry.poll(rig.now)) {
      sent.push([second, portal]);
      if (answers(portal)) rig.registry.answered(portal, rig.now);
    }
    rig.keep();
  }
  return sent;
}

const monitored = [number(Tag.esiInterval, INTERVAL), number(Tag.esiPort, 0x1_0400)];

describe('status inquiries', () => {
  test('time, entity, address and port, in this order, to the port that was registered (RFC 4171 §5.6.5.13)', () => {
    const rig = new Rig();
    rig.registerNode(disk, NodeType.target, '192.0.2.5', monitored);
    rig.registry.poll(rig.now);
    rig.now += INTERVAL;
    const [inquiry] = rig.registry.poll(rig.now);
    assert.ok(inquiry);
    assert.deepEqual(inquiry.port, { address: '192.0.2.5', transport: 'udp', port: 0x400 });
    assert.deepEqual(decodeAttributes(inquiry.payload).map(plain), [
      [4, rig.now],
      [1, `entity of ${disk}`],
      [16, '192.0.2.5'],
      [17, 3260],
    ]);
  });

  test('an interval after each answer; answers make the registration last (RFC 4171 §6.3.4, §5.7.5.13)', () => {
    const rig = new Rig();
    rig.registerNode(disk, NodeType.target, '192.0.2.5', [...monitored]);
    const sent = pass(rig, 10 * INTERVAL, () => true);
    assert.equal(sent.length, 9);
    assert.ok(sent.every(([second], index) => second === 1 + (index + 1) * INTERVAL));
    assert.deepEqual(rig.namesFor(control), [disk]);
    const [[, timestamp] = []] = rig
      .tell(control, devAttrQry, { operating: [{ tag: Tag.timestamp, value: new Uint8Array(0) }] })
      .operating.map(plain);
    assert.ok(typeof timestamp === 'number' && rig.now - timestamp < INTERVAL);
  });

  test('three without an answer, before twice the interval has passed: the portal is gone, and the entity with its last one (RFC 4171 §2.4, §6.3.4)', () => {
    const rig = new Rig();
    rig.registerPair();
    rig.join(2, [client, disk]);
    const key = [text(Tag.iscsiName, client)];
    rig.tell(client, FunctionId.scnReg, { key, operating: [number(Tag.iscsiScnBitmap, 0x1c)] });
    rig.registerNode(disk, NodeType.target, '192.0.2.6', monitored);
    rig.notices();
    const sent = pass(rig, 2 * INTERVAL);
    assert.deepEqual(
      sent.map(([second]) => second - 1),
      [60, 80, 100],
    );
    assert.deepEqual(rig.notices(), []);
    pass(rig, 2);
    assert.deepEqual(
      rig.notices().map(({ changes }) => changes),
      [
        [
          [4, disk],
          [16, disk],
        ],
      ],
    );
    assert.deepEqual(rig.namesFor(control), [client]);
  });

  test('other portals that are asked, and registrations meanwhile, keep the entity', () => {
    const rig = new Rig();
    rig.registerNode(disk, NodeType.target, '192.0.2.5', monitored);
    const key = [text(Tag.entityIdentifier, `entity of ${disk}`)];
    const second = [ip(Tag.portalIpAddress, '192.0.2.6'), number(Tag.portalPort, 3260), ...monitored];
    rig.tell(disk, devAttrReg, { key, operating: [...key, ...second] });
    pass(rig, 3 * INTERVAL, (portal) => portal.startsWith('192.0.2.6'));
    assert.deepEqual(
      rig.tell(control, devAttrQry, { operating: [{ tag: 16, value: new Uint8Array(0) }] }).operating.map(plain),
      [[16, '192.0.2.6']],
    );
    pass(rig, INTERVAL);
    rig.tell(disk, devAttrQry);
    pass(rig, INTERVAL + 10);
    assert.deepEqual(rig.namesFor(control), [disk], 'its client was heard of');
  });

  test('an interval that is too short is made longer, and the client is told (RFC 4171 §6.3.4)', () => {
    const rig = new Rig();
    const portal = [ip(Tag.portalIpAddress, '192.0.2.5'), number(Tag.portalPort, 3260)];
    const operating = [
      ...portal,
      number(Tag.esiInterval, 1),
      number(Tag.esiPort, 1024),
      text(Tag.iscsiName, disk),
      number(33, 1),
    ];
    const response = rig.tell(disk, devAttrReg, { operating });
    assert.deepEqual(
      response.operating.map(plain).find(([tag]) => tag === Tag.esiInterval),
      [19, 10],
    );
    assert.ok(
      response.operating.every(({ tag }) => tag !== Tag.registrationPeriod),
      'none is needed',
    );
  });

  test('a portal that is deregistered is asked no more', () => {
    const rig = new Rig();
    rig.registerNode(disk, NodeType.target, '192.0.2.5', monitored);
    pass(rig, INTERVAL);
    rig.tell(disk, FunctionId.devDereg, {
      operating: [text(Tag.iscsiName, disk), ip(16, '192.0.2.5'), number(17, 3260)],
    });
    assert.deepEqual(pass(rig, 3 * INTERVAL), []);
  });
});

describe('registration periods (RFC 4171 §6.2.6)', () => {
  test('without a word of the client’s, the registration ends; every message of a node of it counts as one', () => {
    const rig = new Rig({ registrationPeriod: 100 });
    rig.registerPair();
    pass(rig, 60);
    rig.tell(client, devAttrQry);
    pass(rig, 41);
    assert.deepEqual(rig.namesFor(control), [client]);
    assert.ok(![...rig.records.keys()].some((key) => key.includes(disk)), 'nor is it kept');
    pass(rig, 60);
    assert.deepEqual(rig.namesFor(control), []);
  });

  test('the period that a client asks for; 0 is none, as there are no status inquiries', () => {
    const rig = new Rig({ registrationPeriod: 100 });
    const register = (name: string, period: number) => {
      const operating = [
        { tag: 1, value: new Uint8Array(0) },
        number(Tag.registrationPeriod, period),
        text(32, name),
        number(33, 1),
      ];
      return rig
        .tell(name, devAttrReg, { operating })
        .operating.map(plain)
        .find(([tag]) => tag === Tag.registrationPeriod);
    };
    assert.deepEqual(register(disk, 10), [6, 10]);
    assert.deepEqual(register(client, 0), [6, 100]);
    pass(rig, 11);
    assert.deepEqual(rig.namesFor(control), [client]);
  });

  test('a server that starts anew gives every client its whole period again', () => {
    const rig = new Rig({ registrationPeriod: 100 });
    rig.registerPair();
    rig.now += 500;
    rig.restart();
    pass(rig, 100);
    assert.deepEqual(rig.namesFor(control), [client, disk]);
    pass(rig, 1);
    assert.deepEqual(rig.namesFor(control), []);
  });
});
