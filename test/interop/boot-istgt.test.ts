/** `diskless boot` and `diskless iscsi` against istgt, which is named by dnsmasq, each end in a network namespace of its own. */

import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { type IstgtOptions, startIstgt } from '../support/istgt.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const targetName = 'iqn.2001-04.com.example:disk';
const mac = '52:54:00:42:00:31';
const peers = ['istgt', 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

class Rig implements AsyncDisposable {
  readonly directory: string;
  readonly disk: string;
  readonly #stack: AsyncDisposableStack;
  readonly #pair: NamespacePair;

  private constructor(directory: string, disk: string, stack: AsyncDisposableStack, pair: NamespacePair) {
    this.directory = directory;
    this.disk = disk;
    this.#stack = stack;
    this.#pair = pair;
  }

  /** DHCP names the server and `rootPath`'s target. */
  static async start(t: TestContext, name: string, chap: IstgtOptions['chap']): Promise<Rig> {
    const stack = new AsyncDisposableStack();
    const directory = temporaryDirectory(t);
    const disk = join(directory, 'disk.img');
    makeBootDisk(disk);
    const pair = stack.use(new NamespacePair(name, mac));
    stack.use(await startDnsmasq(pair, [`--dhcp-option=17,iscsi:192.0.2.1::::${targetName}`]));
    stack.use(await startIstgt(pair, { directory, targetName, file: disk, ...(chap === undefined ? {} : { chap }) }));
    return new Rig(directory, disk, stack, pair);
  }

  run(...args: readonly string[]) {
    return this.#pair.run(process.execPath, [program, ...args], 60_000);
  }

  giveAddress(): void {
    this.#pair.setClientAddress('192.0.2.77');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

test('DHCP names a target of istgt: login, and every block as it is; its targets by SendTargets', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-istgt', undefined);
  const copy = join(rig.directory, 'copy.img');
  const { status, output } = await rig.run('boot', '--interface', 'client0', '--read', '16M', '--out', copy);
  assert.equal(status, 0, output);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  const expected = readFileSync(rig.disk);
  assert.ok(readFileSync(copy).equals(expected.subarray(0, 16 << 20)));
  rig.giveAddress();
  const found = await rig.run('iscsi', 'discover', '192.0.2.1');
  assert.equal(found.status, 0, found.output);
  assert.match(found.output, /192\.0\.2\.1:3260,1 iqn\.2001-04\.com\.example:disk/);
});

test('istgt wants CHAP of both ends, also of who only asks for its targets', async (t) => {
  if (!requires(t, ...peers)) return;
  const secrets = { alice: 'correct horse', disk: 'battery staple' };
  const chap = { initiator: ['alice', secrets.alice], target: ['disk', secrets.disk] } as const;
  await using rig = await Rig.start(t, 'boot-istgt-chap', chap);
  const file = (name: string, ofTarget: string) => {
    const path = join(rig.directory, name);
    writeFileSync(path, `initiator alice ${secrets.alice}\ntarget disk ${ofTarget}\n`);
    chmodSync(path, 0o600);
    return ['--chap-file', path];
  };
  const known = file('chap', secrets.disk);
  rig.giveAddress();
  const asked = ['boot', '--server-name', '192.0.2.1'];
  const { status, output } = await rig.run(...asked, ...known);
  assert.equal(status, 0, output);
  assert.match(output, /discovery = iqn\.2001-04\.com\.example:disk/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  const nobody = await rig.run(...asked);
  assert.notEqual(nobody.status, 0);
  assert.match(nobody.output, /the target refuses AuthMethod=None \(ISCSI_LOGIN_AUTH_FAILED\)/);
  const forged = await rig.run(...asked, ...file('forged', 'no such staple'));
  assert.notEqual(forged.status, 0);
  assert.match(forged.output, /the target did not prove that it knows its secret \(ISCSI_LOGIN_AUTH_FAILED\)/);
});
