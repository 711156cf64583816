/** The portals of one server: what each tells of the others, and sessions that span them (RFC 7143 §4.4.1, appendix C). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpNetwork } from '../../src/bytes/index.ts';
import type { Endpoint } from '../../src/os/network.ts';
import { Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { PortalGroup } from '../../src/target/portal-group.ts';
import { RawInitiator } from './raw-initiator.ts';
import { ask } from './raw-text.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';
import { several } from './several-connections.ts';

const first = { address: '192.0.2.1', port: 3260 };
const second = { address: '198.51.100.1', port: 3261 };
const third = { address: '2001:db8::1', port: 3260 };

async function textOf(raw: RawInitiator, which: string): Promise<readonly string[]> {
  const reply = await ask(raw, [`SendTargets=${which}`]);
  return reply.kind === 'text' ? reply.pairs : assert.fail(`rejected: ${reply.reason}`);
}

async function discoverAt({ network }: ServedTarget, endpoint: Endpoint): Promise<readonly string[]> {
  const raw = new RawInitiator(await network.connectTcp(endpoint));
  await raw.login({ discovery: true });
  return textOf(raw, 'All');
}

test('SendTargets lists the portals of the server with their group, the one that was reached first', async () => {
  await using served = await serveTarget();
  await using _second = await served.openPortal({ endpoint: second });
  await using _third = await served.openPortal({ endpoint: third });
  const [one, two, three] = ['192.0.2.1:3260,1', '198.51.100.1:3261,1', '[2001:db8::1]:3260,1'].map(
    (address) => `TargetAddress=${address}`,
  );
  assert.deepEqual(await discoverAt(served, first), [`TargetName=${TARGET}`, one, two, three]);
  assert.deepEqual(await discoverAt(served, second), [`TargetName=${TARGET}`, two, one, three]);
  assert.deepEqual(await textOf(await served.login(), ''), [`TargetName=${TARGET}`, one, two, three], 'as a session');
});

test('a portal that has closed, or that leads to other targets, is not listed', async () => {
  await using served = await serveTarget();
  const record = [`TargetName=${TARGET}`, 'TargetAddress=192.0.2.1:3260,1'];
  const closing = await served.openPortal({ endpoint: second });
  await using _other = await served.openPortal({ endpoint: third, directory: openDirectory([]) });
  assert.deepEqual(await discoverAt(served, first), [...record, 'TargetAddress=198.51.100.1:3261,1']);
  await closing.close();
  assert.deepEqual(await discoverAt(served, first), record);
});

test('who is elsewhere is not told of a portal that is reachable from some networks only', async () => {
  await using served = await serveTarget();
  const elsewhere = { reachableFrom: [parseIpNetwork('198.51.100.0/24')] };
  const near = { reachableFrom: [parseIpNetwork('192.0.2.0/24'), parseIpNetwork('198.51.100.0/24')] };
  await using _second = await served.openPortal({ endpoint: second, ...elsewhere });
  await using _third = await served.openPortal({ endpoint: third, ...near });
  const [name, ...addresses] = await discoverAt(served, first);
  assert.equal(name, `TargetName=${TARGET}`);
  assert.deepEqual(addresses, ['TargetAddress=192.0.2.1:3260,1', 'TargetAddress=[2001:db8::1]:3260,1']);
  const [, reached] = await discoverAt(served, second);
  assert.equal(reached, 'TargetAddress=198.51.100.1:3261,1', 'what was reached can be reached');
});

/** The addresses that who has reached `local` is told when there are portals at `listening`. */
function pathsAt(local: string, ...listening: readonly string[]): string[] {
  const directory = openDirectory([]);
  const group = new PortalGroup();
  for (const text of listening) {
    const [address = '', port] = text.split(' ');
    group.add({ endpoint: { address, port: Number(port ?? 3260) }, directory, reachableFrom: undefined });
  }
  const ends = { local: { address: local, port: 3260 }, remote: { address: local, port: 50_000 } };
  return group.paths(ends, directory).map(({ address, port }) => `${address} ${port}`);
}

test('a portal at all addresses of a machine is the address that was reached', () => {
  assert.deepEqual(pathsAt('192.0.2.1', '0.0.0.0'), ['192.0.2.1 3260']);
  assert.deepEqual(pathsAt('192.0.2.1', '::'), ['192.0.2.1 3260'], 'of both families');
  assert.deepEqual(pathsAt('2001:db8::1', '::', '0.0.0.0'), ['2001:db8::1 3260']);
  assert.deepEqual(pathsAt('192.0.2.1', '0.0.0.0', ':: 3261'), ['192.0.2.1 3260', '192.0.2.1 3261']);
  assert.deepEqual(pathsAt('2001:db8::1', '2001:db8::1', '0.0.0.0 3261'), ['2001:db8::1 3260']);
});

test('addresses that mean something else at the initiator are not listed, but where it has reached them', () => {
  const odd = ['127.0.0.1', '127.0.1.1', '::1', '169.254.7.7', 'fe80::1', 'fe80::2%eth0'];
  assert.deepEqual(pathsAt('192.0.2.1', '192.0.2.1', ...odd), ['192.0.2.1 3260']);
  assert.deepEqual(pathsAt('127.0.0.1', '192.0.2.1', ...odd), [
    '127.0.0.1 3260',
    '192.0.2.1 3260',
    '127.0.1.1 3260',
    '::1 3260',
  ]);
  assert.deepEqual(pathsAt('169.254.7.7', ...odd), ['169.254.7.7 3260']);
});

test('a session may have its connections at several portals of the group (RFC 7143 §4.4.1)', async () => {
  await using served = await serveTarget();
  await using _second = await served.openPortal({ endpoint: second });
  const leading = await served.login(several);
  const joining = new RawInitiator(await served.network.connectTcp(second));
  joining.cmdSN = leading.cmdSN;
  await joining.login({ targetName: TARGET, tsih: leading.tsih, cid: 1 });
  const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
  assert.equal((await joining.run(read, { length: 512 })).status, Status.good);
  assert.equal(served.target.sessions.size, 1);
});
