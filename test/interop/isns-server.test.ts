/** open-isns's clients against our iSNS server, and Wireshark's opinion of what both say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IsnsConnection } from '../../src/boot/isns-connection.ts';
import { findByIsns } from '../../src/boot/isns-discovery.ts';
import { numberAttribute, textAttribute, zeroLength } from '../../src/isns/attribute.ts';
import { DdFeature, DdsStatus } from '../../src/isns/bitmap.ts';
import { FunctionId } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { targetQuery } from '../../src/isns/target-query.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import type { IsnsService } from '../../src/server/isns-service.ts';
import { startIsnsServer } from '../support/isns-server.ts';
import { Isnsadm } from '../support/isnsd.ts';
import { startIsnsdd } from '../support/isnsdd.ts';
import { requires, root } from '../support/requires.ts';
import { Wireshark } from '../support/wireshark.ts';

const client = 'iqn.2001-04.com.example:client';
const disk = 'iqn.2001-04.com.example:disk';
const control = 'iqn.2001-04.com.example:control';
const network = { network: nodeNetwork, clock: systemClock, timeout: 10_000 };

/** A domain with these members, and a set that makes it active. */
function join(service: IsnsService, id: number, members: readonly string[]): void {
  const domain = numberAttribute(Tag.ddId, id);
  const names = members.map((name) => textAttribute(Tag.ddMemberIscsiName, name));
  const bootList = numberAttribute(Tag.ddFeatures, DdFeature.bootList);
  const made = service.administer({ functionId: FunctionId.ddReg, operating: [domain, bootList, ...names] });
  assert.equal(made.status, Status.successful);
  const enabled = numberAttribute(Tag.ddsStatus, DdsStatus.enabled);
  const set = service.administer({ functionId: FunctionId.ddsReg, operating: [enabled, domain] });
  assert.equal(set.status, Status.successful);
}

test('isnsadm registers, queries, lists and deregisters', async (t) => {
  if (!requires(t, 'isnsadm')) return;
  const address = '127.0.71.5';
  const { service, errors } = await startIsnsServer({ address, controlNodes: [control] });
  t.after(() => service[Symbol.asyncDispose]());
  const target = new Isnsadm(t, address, disk);
  const portal = 'portal=127.0.71.3:3260/tcp';
  await target.succeed('--register', 'entity=storage.example.com', `target=${disk},alias=our disk`, portal, 'pg,pgt=5');
  const initiator = new Isnsadm(t, address, client);
  assert.match((await initiator.run('--query', 'iscsi-name')).output, /Source unknown/);
  await initiator.succeed('--register', 'initiator');
  assert.match(await initiator.succeed('--query', `iscsi-name=${client}`), /Entity identifier = "isns:\d+"/);
  assert.doesNotMatch(await initiator.succeed('--list', 'nodes'), /:disk/, 'they share no domain');

  // The answers of isnsadm are read from its words: it ends with 0 however the request went.
  const makeDomain = ['--dd-register', 'dd-name=boot', `member-name=${disk}`, `member-name=${client}`];
  assert.match((await initiator.run(...makeDomain)).output, /Source unauthorized/);
  const admin = new Isnsadm(t, address, control);
  assert.match(await admin.succeed(...makeDomain, 'dd-features=Boot list enabled'), /DD ID *= 2/);
  assert.match((await admin.run(...makeDomain)).output, /Invalid registration/, 'the name is taken');
  assert.match(await admin.succeed('--list', 'dds'), /DD features = Boot list enabled[\s\S]*:disk[\s\S]*:client/);
  assert.doesNotMatch(await initiator.succeed('--list', 'nodes'), /:disk/, 'the domain is in no set that is enabled');
  const enabled = numberAttribute(Tag.ddsStatus, DdsStatus.enabled);
  service.administer({ functionId: FunctionId.ddsReg, operating: [enabled, numberAttribute(Tag.ddId, 2)] });

  assert.match(await initiator.succeed('--list', 'nodes'), /:client[\s\S]*:disk/);
  assert.match(await initiator.succeed('--list', 'portals'), /127\.0\.71\.3[\s\S]*3260\/tcp/);
  assert.match(await initiator.succeed('--list', 'entities'), /storage\.example\.com/);
  assert.match(await initiator.succeed('--list', 'portal-groups'), /Portal group tag = 5/);
  assert.match(await initiator.succeed('--query', `iscsi-name=${disk}`), /our disk[\s\S]*127\.0\.71\.3[\s\S]*tag = 5/);
  const found = { host: '127.0.71.3', port: 3260, targetName: disk, portalGroupTag: 5, bootable: true };
  assert.deepEqual(await findByIsns({ ...network, server: { address, port: 3205 }, initiatorName: client }), [found]);

  assert.match((await initiator.run('--deregister', `iscsi-name=${disk}`)).output, /Source unauthorized/);
  await target.succeed('--deregister', `iscsi-name=${disk}`);
  assert.doesNotMatch(await admin.succeed('--list', 'nodes'), /:disk/);
  assert.match(await admin.succeed('--list', 'dds'), /:disk/, 'members stay');
  await admin.succeed('--dd-deregister', '2', `member-name=${disk}`);
  assert.doesNotMatch(await admin.succeed('--list', 'dds'), /:disk/);
  await admin.succeed('--dd-deregister', '2');
  assert.doesNotMatch(await admin.succeed('--list', 'dds'), /DD ID/);
  assert.deepEqual(errors, []);
});

test('isnsdd is told of a target that comes and goes, and is gone itself when it answers no more', async (t) => {
  if (!requires(t, 'isnsdd', 'isnsadm', root)) return;
  const address = '127.0.71.7';
  const { service, errors } = await startIsnsServer({ address, settings: { leastEsiInterval: 1 } });
  t.after(() => service[Symbol.asyncDispose]());
  join(service, 2, [client, disk]);
  const daemon = startIsnsdd(t, address, client, '127.0.71.8:860', 1);
  await daemon.said(/SCNRegResp/);
  await daemon.said(/---ESIRsp---[\s\S]*Success[\s\S]*---ESIRsp---[\s\S]*Success/);
  const target = new Isnsadm(t, address, disk);
  const isAdded = daemon.said(/iSCSI Storage Node ".*:disk" added/);
  await target.succeed('--register', 'entity=storage', `target=${disk}`, 'portal=127.0.71.3:3260/tcp');
  await isAdded;
  const isRemoved = daemon.said(/iSCSI Storage Node ".*:disk" removed/);
  await target.succeed('--deregister', 'entity-id=storage');
  await isRemoved;

  const isThere = () => {
    const key = [textAttribute(Tag.iscsiName, client)];
    return service.administer({ functionId: FunctionId.devAttrQry, key }).operating.length > 0;
  };
  assert.ok(isThere());
  await daemon.end();
  const limit = AbortSignal.timeout(30_000);
  while (isThere())
    await new Promise<void>((resolve, reject) => {
      limit.throwIfAborted();
      limit.addEventListener('abort', () => reject(new Error('it is registered still')), { once: true });
      systemClock.after(50, resolve);
    });
  assert.deepEqual(errors, []);
});

test('Wireshark takes every message for what it is', { timeout: 60_000 }, async (t) => {
  if (!requires(t, 'tshark', 'isnsadm', 'isnsdd', root)) return;
  const address = '127.0.71.9';
  const { service } = await startIsnsServer({ address, controlNodes: [control], settings: { leastEsiInterval: 1 } });
  t.after(() => service[Symbol.asyncDispose]());
  const server = { address, port: 3205 };
  const ask = async (source: string): Promise<void> => {
    using connection = await IsnsConnection.open({ ...network, server, source });
    await connection.request(targetQuery(undefined));
  };
  const wireshark = await Wireshark.start(t, 3205, ask, 'isns');
  join(service, 2, [client, disk]);
  const daemon = startIsnsdd(t, address, client, '127.0.71.10:860', 1);
  await daemon.said(/ESIRsp/);
  const isAdded = daemon.said(/added/);
  const target = new Isnsadm(t, address, disk);
  await target.succeed('--register', 'entity=storage', `target=${disk}`, 'portal=[2001:db8::1]:3260/tcp');
  await isAdded;
  await findByIsns({ ...network, server, initiatorName: 'iqn.2001-04.com.example:unknown' });
  await findByIsns({ ...network, server, initiatorName: client });
  using admin = await IsnsConnection.open({ ...network, server, source: control });
  const name = [textAttribute(Tag.iscsiName, client)];
  for (const [functionId, key, operating] of [
    [FunctionId.devGetNext, [zeroLength(Tag.iscsiName)], []],
    [FunctionId.scnEvent, name, [numberAttribute(Tag.iscsiScnBitmap, 4)]],
    [FunctionId.ddReg, [], [textAttribute(Tag.ddMemberIscsiName, disk)]],
    [FunctionId.ddDereg, [numberAttribute(Tag.ddId, 3)], []],
    [FunctionId.ddsReg, [], [numberAttribute(Tag.ddId, 4)]],
    [FunctionId.ddsDereg, [numberAttribute(Tag.ddsId, 3)], []],
    [FunctionId.scnDereg, name, []],
    [FunctionId.devAttrQry, [], []],
    [FunctionId.devDereg, [], name],
  ] as const) {
    const { status } = await admin.request({ functionId, key, operating });
    assert.equal(status, Status.successful, `function ${functionId}`);
  }
  await wireshark.stop();
  assert.deepEqual(wireshark.complaints(`isns && ip.addr == ${address}`), []);
  const seen = new Set(
    wireshark.fields(`isns && ip.src == ${address}`, 'isns.functionid').flatMap((line) => line.split(',')),
  );
  // All responses, and what the server says by itself.
  const expected = [
    0x08,
    0x0d,
    ...Array.from({ length: 12 }, (_, index) => 0x8001 + index).filter((id) => id !== 0x8008),
  ];
  assert.deepEqual(
    [...seen].map(Number).sort((one, other) => one - other),
    expected,
  );
});
