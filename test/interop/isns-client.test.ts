/** The boot client's discovery by iSNS against open-isns's server. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IsnsConnection } from '../../src/boot/isns-connection.ts';
import { findByIsns } from '../../src/boot/isns-discovery.ts';
import { numberAttribute, textAttribute, textOf, zeroLength } from '../../src/isns/attribute.ts';
import { requireSuccess } from '../../src/isns/client.ts';
import { FunctionId } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { nodeDeregistration } from '../../src/isns/target-query.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { Isnsadm, startIsnsd } from '../support/isnsd.ts';
import { requires } from '../support/requires.ts';

const client = 'iqn.2001-04.com.example:client';
const reader = 'iqn.2001-04.com.example:reader';
const disk = 'iqn.2001-04.com.example:disk';
const archive = 'iqn.2001-04.com.example:archive';

const common = { network: nodeNetwork, clock: systemClock, timeout: 10_000 };

test('targets by name and by boot list, as isnsd shows them', async (t) => {
  if (!requires(t, 'isnsd', 'isnsadm')) return;
  const address = '127.0.71.2';
  await startIsnsd(t, address);
  const server = { address, port: 3205 };
  const find = (targetName?: string, initiatorName = client) =>
    findByIsns({ ...common, server, initiatorName, ...(targetName === undefined ? {} : { targetName }) });

  assert.deepEqual(await find(), [], 'nobody is registered');
  for (const name of [disk, archive]) {
    const portal = `portal=127.0.71.3:${name === disk ? 3260 : 3261}/tcp`;
    await new Isnsadm(t, address, name).succeed('--register', `entity=${name.slice(-4)}`, `target=${name}`, portal);
  }
  assert.deepEqual(await find(disk), [], 'they share no domain');

  // open-isns keeps one domain only for each node.
  const admin = new Isnsadm(t, address);
  const member = (name: string) => `member-name=${name}`;
  await admin.succeed('--dd-register', 'dd-name=boot', 'dd-features=Boot list enabled', member(client), member(disk));
  await admin.succeed('--dd-register', 'dd-name=files', member(reader), member(archive));

  const bootDisk = { host: '127.0.71.3', port: 3260, targetName: disk, portalGroupTag: 1, bootable: true };
  assert.deepEqual(await find(), [bootDisk]);
  assert.deepEqual(await find(disk), [bootDisk]);
  assert.deepEqual(await find(archive), [], 'they share no domain');
  const files = { host: '127.0.71.3', port: 3261, targetName: archive, portalGroupTag: 1, bootable: false };
  assert.deepEqual(await find(undefined, reader), [files]);
  assert.deepEqual(await find(archive, reader), [files]);
});

test('registration, domains, one after the other, and deregistration with isnsd', async (t) => {
  if (!requires(t, 'isnsd', 'isnsadm')) return;
  const address = '127.0.71.4';
  await startIsnsd(t, address);
  using connection = await IsnsConnection.open({ ...common, server: { address, port: 3205 }, source: client });
  const registered = await connection.request({
    functionId: FunctionId.devAttrReg,
    operating: [
      textAttribute(Tag.entityIdentifier, 'client.example.com'),
      numberAttribute(Tag.entityProtocol, 2),
      textAttribute(Tag.iscsiName, client),
      numberAttribute(Tag.iscsiNodeType, 2),
    ],
  });
  assert.ok(requireSuccess(registered, 'a registration').operating.some(({ tag }) => tag === Tag.iscsiName));
  const next = await connection.request({ functionId: FunctionId.devGetNext, key: [zeroLength(Tag.iscsiName)] });
  assert.deepEqual(requireSuccess(next, 'the first node').key.map(textOf), [client]);
  const last = await connection.request({ functionId: FunctionId.devGetNext, key: next.key });
  assert.equal(last.status, Status.noSuchEntry);

  const domain = await connection.request({
    functionId: FunctionId.ddReg,
    operating: [textAttribute(Tag.ddSymbolicName, 'ours'), textAttribute(Tag.ddMemberIscsiName, client)],
  });
  assert.equal(domain.status, Status.successful);
  assert.match(await new Isnsadm(t, address, client).succeed('--list', 'dds'), /DD name *= "ours"/);
  // open-isns has no sets of domains.
  const set = await connection.request({
    functionId: FunctionId.ddsReg,
    operating: [numberAttribute(Tag.ddsStatus, 1)],
  });
  assert.throws(() => requireSuccess(set, 'a set of domains'), { code: 'ISNS_REFUSED' });

  assert.equal((await connection.request(nodeDeregistration(client))).status, Status.successful);
  const gone = await connection.request({ functionId: FunctionId.devGetNext, key: [zeroLength(Tag.iscsiName)] });
  assert.equal(gone.status, Status.noSuchEntry);
});
