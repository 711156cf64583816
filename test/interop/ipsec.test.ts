/** `diskless ipsec print`, read by strongSwan: its daemon in a network namespace takes both ends' configuration and the key. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { findProgram, networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

function print(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'ipsec', 'print', ...args], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('strongSwan takes the configuration of both ends, IPv4 and IPv6, and the key beside it (RFC 7146 §3)', async (t) => {
  if (!requires(t, 'charon-systemd', 'swanctl', 'ip', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const socket = `unix://${join(directory, 'vici')}`;
  const settings = join(directory, 'strongswan.conf');
  writeFileSync(
    settings,
    `charon-systemd {\n plugins { vici { socket = ${socket} } }\n journal { default = -1 }\n filelog { stderr { default = 1 } }\n}\n`,
  );
  using pair = new NamespacePair('ipsec', '52:54:00:42:00:09');
  const daemon = pair.spawn('server', 'env', [`STRONGSWAN_CONF=${settings}`, findProgram('charon-systemd') ?? '']);
  try {
    await said(daemon, /spawning 16 worker threads/);
    const swanctl = (...args: string[]) => {
      const command = ['netns', 'exec', pair.server, findProgram('swanctl') ?? '', ...args, '--uri', socket];
      const { status, stdout, stderr } = spawnSync('ip', command, { encoding: 'utf8', timeout: 20_000 });
      assert.equal(status, 0, stdout + stderr);
      return stdout;
    };
    for (const server of ['192.0.2.5', '2001:db8::5']) {
      for (const side of ['client', 'server']) {
        const own = join(directory, `${side}-${server}`);
        mkdirSync(own);
        const file = join(own, 'diskless.conf');
        const args = [
          '--side',
          side,
          '--server',
          server,
          '--client',
          'c7.example.com',
          '--port',
          '3260',
          '--port',
          '3261',
        ];
        writeFileSync(file, print(...args));
        assert.match(swanctl('--load-conns', '--file', file), /successfully loaded 1 connections/);
        const shown = swanctl('--list-conns');
        assert.match(shown, /diskless: IKEv2/);
        assert.match(shown, /iscsi: TUNNEL/);
        assert.match(shown, /dynamic\[tcp\/iscsi-target\] dynamic\[tcp\/3261\]/);
        assert.match(shown, /dynamic\[tcp\/svrloc\] dynamic\[udp\/svrloc\]/);
        assert.match(shown, /dynamic\[tcp\/isns\] dynamic\[udp\/isns\]/);
        writeFileSync(
          join(own, 'diskless-psk.secrets'),
          'secrets { ike-diskless { id = c7.example.com\n secret = "at least 20 random characters" } }\n',
        );
        assert.match(swanctl('--load-creds', '--file', file), /loaded ike secret 'ike-diskless'/);
      }
    }
  } finally {
    await end(daemon);
  }
});
