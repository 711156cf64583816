/** SendTargets (RFC 7143 §13.3, §13.8, appendix C). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { RejectReason } from '../../../src/iscsi/pdu.ts';
import { decodeText } from '../../../src/iscsi/text.ts';
import { nodeNetwork } from '../../../src/os/node-network.ts';
import { openDirectory } from '../../../src/target/directory.ts';
import { Target } from '../../../src/target/target.ts';
import { RawInitiator } from '../raw-initiator.ts';
import { ask } from '../raw-text.ts';
import { serveTarget, TARGET } from '../served-target.ts';

const record = [`TargetName=${TARGET}`, 'TargetAddress=192.0.2.1:3260,1'];

/** The whole answer, over as many responses as it takes. */
async function sendTargets(raw: RawInitiator, which: string): Promise<string[]> {
  const tag = raw.newTag();
  const parts: Buffer[] = [];
  let targetTransferTag = RESERVED_TAG;
  let text = [`SendTargets=${which}`];
  for (;;) {
    const reply = await ask(raw, text, { tag, targetTransferTag });
    if (reply.kind === 'reject') return [`rejected ${reply.reason}`];
    parts.push(reply.text);
    targetTransferTag = reply.header.targetTransferTag;
    if (targetTransferTag === RESERVED_TAG) break;
    text = [];
  }
  return decodeText(Buffer.concat(parts)).map(({ key, value }) => `${key}=${value}`);
}

test('a discovery session lists all targets, or the one that is named, with the address that was reached', async () => {
  await using served = await serveTarget();
  const raw = await served.login({}, { discovery: true });
  assert.deepEqual(await sendTargets(raw, 'All'), record);
  assert.deepEqual(await sendTargets(raw, TARGET), record);
  assert.deepEqual(await sendTargets(raw, 'iqn.2026-11.internal.test:other'), [], 'a name that is nobody’s');
});

test('a list of many targets goes over several responses, record by record', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `iqn.2026-11.internal.test:machine-${index}`);
  const targets = names.map((name) => new Target({ name, units: new Map() }));
  await using served = await serveTarget({ portal: { directory: openDirectory(targets) } });
  const raw = await served.login({ MaxRecvDataSegmentLength: '1024' }, { discovery: true });
  const lines = names.flatMap((name) => [`TargetName=${name}`, 'TargetAddress=192.0.2.1:3260,1']);
  assert.deepEqual(await sendTargets(raw, 'All'), lines);
});

test('a discovery session has no target of its own that an empty value could mean', async () => {
  await using served = await serveTarget();
  const raw = await served.login({}, { discovery: true });
  assert.deepEqual(await sendTargets(raw, ''), [`rejected ${RejectReason.protocolError}`]);
});

test('a normal session learns of its own target and no other', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  assert.deepEqual(await sendTargets(raw, ''), record);
  assert.deepEqual(await sendTargets(raw, TARGET), record);
  // The standard has "All" in discovery sessions only; libiscsi asks for it here, and gets what "" would get.
  assert.deepEqual(await sendTargets(raw, 'All'), record);
  const other = await sendTargets(raw, 'iqn.2026-11.internal.test:other');
  assert.deepEqual(other, [`rejected ${RejectReason.protocolError}`]);
});

test('no target, no record: who may use none gets an empty list', async () => {
  await using served = await serveTarget({ portal: { directory: openDirectory([]) } });
  const raw = await served.login({}, { discovery: true });
  assert.deepEqual(await sendTargets(raw, 'All'), []);
});

test('behind a dual-stack listener, the address that was reached is one that the initiator can reach again', async () => {
  await using served = await serveTarget({
    portal: { network: nodeNetwork, endpoint: { address: '::', port: 0 } },
  });
  const { port } = served.portal.endpoint;
  for (const [address, shown] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ] as const) {
    const raw = new RawInitiator(await nodeNetwork.connectTcp({ address, port }, { timeout: 5000 }));
    await raw.login({ discovery: true });
    const listed = await sendTargets(raw, 'All');
    raw.tcp.end();
    await raw.closed;
    assert.deepEqual(listed, [`TargetName=${TARGET}`, `TargetAddress=${shown}:${port},1`]);
  }
});
