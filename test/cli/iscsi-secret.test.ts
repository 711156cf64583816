/** `diskless iscsi secret` as a user runs it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChapFile } from '../../src/iscsi/chap-file.ts';
import { runCli } from './run-cli.ts';

test('each secret is 128 bits that no other has, and goes into a file of secrets as it is (RFC 7143 §9.2.1)', async () => {
  const made = await Promise.all([runCli(['iscsi', 'secret']), runCli(['iscsi', 'secret'])]);
  for (const { code, stdout, stderr } of made) {
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.match(stdout, /^[0-9a-f]{32}\n$/);
  }
  const [one = '', other = ''] = made.map(({ stdout }) => stdout.trim());
  assert.notEqual(one, other);
  const { initiators } = parseChapFile(`initiator alice ${one}\ntarget disk ${other}\n`, 'chap');
  assert.deepEqual(initiators, [{ name: 'alice', secret: Buffer.from(one) }]);
});
