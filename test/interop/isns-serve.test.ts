/** `diskless serve --isns` on two networks: what a machine on each of them finds. */

import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const finder = join(import.meta.dirname, '..', 'support', 'isns-find-program.ts');
const prefix = 'iqn.2026-11.internal.diskless';

async function addClientAddress(network: ServedNetwork): Promise<void> {
  const address = network.serverAddress.replace(/\.1$/, '.9');
  const { onClient, clientInterface } = network;
  const added = await run([...onClient, 'ip', 'address', 'add', `${address}/24`, 'dev', clientInterface]);
  assert.equal(added.code, 0, added.stderr);
}

async function find({ onClient, serverAddress }: ServedNetwork, ...names: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run([...onClient, process.execPath, finder, serverAddress, ...names]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.toString());
}

test('a machine finds its own target, by the portal on its own network, also after a restart', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  const mbr = Buffer.alloc(512);
  mbr.writeUInt16LE(0xaa55, 510);
  writeFileSync(image, mbr);
  truncateSync(image, 1 << 20);
  await using first = makeServedNetwork('isns');
  await using second = makeServedNetwork('isns-second', first);
  await addClientAddress(first);
  await addClientAddress(second);
  const interfaces = [first, second].flatMap(({ serverInterface }) => ['--interface', serverInterface]);
  const settings = [...interfaces, '--data', join(directory, 'data'), '--dhcp', 'off', '--isns', 'on'];
  const target = (number: number) => ({
    host: `192.168.${77 + number}.1`,
    port: 3260,
    targetName: `${prefix}:52-54-00-ab-cd-0${number}`,
    portalGroupTag: 1,
    bootable: true,
  });
  const check = async (): Promise<void> => {
    const own = 'iqn.2001-04.com.example:own-name';
    assert.deepEqual(await find(first, own), [target(1)], 'known by its address');
    assert.deepEqual(await find(first, own, target(1).targetName), [target(1)]);
    assert.deepEqual(await find(second, `${prefix}:initiator:52-54-00-ab-cd-02`), [target(2)], 'known by its name');
    assert.deepEqual(await find(second, `${prefix}:initiator:52-54-00-ab-cd-02`, target(1).targetName), []);
  };
  for (const round of ['a new server', 'one that starts anew']) {
    await using server = await ServeProgram.start([image, ...settings], first.onServer);
    await check();
    assert.deepEqual(
      server.events.filter(({ event }) => event === 'trouble'),
      [],
      round,
    );
  }
});
