/** `diskless serve` beside another DHCP server, which it hears on the wire. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const support = (name: string) => join(import.meta.dirname, '../support', name);

test('another server’s offer is heard before any client chooses it, and this server’s own offers are not', async (t) => {
  if (!requires(t, root, networkNamespaces)) return;
  using pair = new NamespacePair('dhcp-other', '52:54:00:12:34:56');
  pair.setClientAddress('192.0.2.2');
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  const content = new Uint8Array(1 << 20);
  // The signature of a boot sector.
  content.set([0x55, 0xaa], 510);
  writeFileSync(image, content);
  const flags = ['--interface', 'server0', '--dhcp', 'full', '--loader-dir', 'off', '--json', '--data'];
  const launcher = join(import.meta.dirname, '../../bin/diskless.js');
  const serve = pair.spawn('server', process.execPath, [launcher, 'serve', image, ...flags, join(directory, 'data')]);
  let output = '';
  serve.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  try {
    await said(serve, /"event":"ready"/);
    const asking = { interface: 'client0', hardwareAddress: '52:54:00:00:00:01', timeout: 5000 };
    const ask = async (detected: RegExp) => {
      await using client = pair.program('client', support('dhcp-client-program.ts'), { ...asking, detect: true });
      const { servers } = await client.message(({ type }) => type === 'detected');
      assert.match(JSON.stringify(servers), detected);
    };
    await ask(/192\.0\.2\.1/);
    assert.doesNotMatch(output, /DHCP_OTHER_SERVER/);
    const pool = { address: '192.0.2.2', first: '192.0.2.50', last: '192.0.2.59', leaseTime: 3600 };
    const other = { interface: 'client0', ...pool };
    await using second = pair.program('client', support('dhcp-server-program.ts'), other);
    await second.message(({ type }) => type === 'ready');
    const heard = said(serve, /DHCP_OTHER_SERVER.*192\.0\.2\.2 gives addresses on server0/);
    await Promise.all([heard, ask(/192\.0\.2\.2/)]);
  } finally {
    await end(serve);
  }
});
