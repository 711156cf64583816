import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipsecConfiguration } from '../../src/cli/ipsec-configuration.ts';
import { runCli } from './run-cli.ts';

const request = { side: 'client', server: '192.0.2.5', client: undefined, ports: [3260] } as const;

/** The values of a key, wherever it stands. */
function valuesOf(text: string, key: string): string[] {
  return [...text.matchAll(new RegExp(`^ *${key} = (.*)$`, 'gm'))].map(([, value = '']) => value);
}

test('proposals are those of RFC 7146: tunnel mode, AES-GCM before AES-CBC, HMAC-SHA-1 and XCBC, groups of 2048 bits, 64-bit sequence numbers', () => {
  const text = ipsecConfiguration(request);
  assert.deepEqual(new Set(valuesOf(text, 'mode')), new Set(['tunnel']));
  for (const proposals of valuesOf(text, 'esp_proposals').map((value) => value.split(', '))) {
    assert.match(proposals[0] ?? '', /^aes128gcm16-.*-esn$/);
    assert.ok(proposals.includes('aes128-sha1-modp2048-esn'));
    assert.ok(proposals.includes('aes128-aesxcbc-modp2048-esn'));
    assert.ok(
      proposals.every((each) => each.includes('modp2048')),
      'perfect forward secrecy, 2048 bits',
    );
    assert.ok(!proposals.some((each) => /3des|null|modp1024/.test(each)));
  }
});

test('keys are pre-shared and IKEv2’s: no main mode where an address changes (RFC 4173 §8, rows 64 and 65)', () => {
  const text = ipsecConfiguration(request);
  assert.deepEqual(valuesOf(text, 'version'), ['2']);
  assert.deepEqual(valuesOf(text, 'auth'), ['psk', 'psk']);
});

test('nothing leaves the client unprotected for the ports of iSCSI, SLP and iSNS', () => {
  const text = ipsecConfiguration({ ...request, ports: [3260, 3261] });
  assert.deepEqual(valuesOf(text, 'remote_ts'), [
    'dynamic[6/3260], dynamic[6/3261]',
    'dynamic[6/427], dynamic[17/427]',
    'dynamic[6/3205], dynamic[17/3205]',
  ]);
  assert.deepEqual(valuesOf(text, 'start_action'), ['trap', 'trap', 'trap']);
  const server = ipsecConfiguration({ ...request, side: 'server' });
  assert.deepEqual(valuesOf(server, 'local_ts'), valuesOf(ipsecConfiguration(request), 'remote_ts'));
});

test('the command needs the server’s address, and takes no names for it', async () => {
  assert.equal((await runCli(['ipsec', 'print'])).code, 2);
  const named = await runCli(['ipsec', 'print', '--server', 'boot.example.com']);
  assert.equal(named.code, 2);
  assert.match(named.stderr, /no address/);
  const { stdout } = await runCli(['ipsec', 'print', '--server', '[2001:db8::5]']);
  assert.match(stdout, /remote_addrs = 2001:db8::5/);
});
