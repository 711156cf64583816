import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDiskAddress, parsePortal } from '../../src/cli/disk-address.ts';
import { encodeLun } from '../../src/scsi/lun.ts';

const targetName = 'iqn.2001-04.com.example:disk';

test('a disk is named by a Root Path (RFC 4173 §5) or by a URL', () => {
  const cases: readonly (readonly [string, string, number, Uint8Array])[] = [
    [`iscsi:192.0.2.5::::${targetName}`, '192.0.2.5', 3260, encodeLun(0)],
    [
      `iscsi:disks.example.com:6:3261:1:${targetName}`,
      'disks.example.com',
      3261,
      Buffer.from('0001000000000000', 'hex'),
    ],
    [`iscsi:[2001:DB8::5]::::${targetName}`, '2001:db8::5', 3260, encodeLun(0)],
    [`iscsi://192.0.2.5/${targetName}/0`, '192.0.2.5', 3260, encodeLun(0)],
    [`ISCSI://192.0.2.5:3261/${targetName}/300`, '192.0.2.5', 3261, encodeLun(300)],
    [`iscsi://[2001:db8::5]:3261/${targetName}`, '2001:db8::5', 3261, encodeLun(0)],
    [`iscsi://[2001:db8::5]/${targetName}/1`, '2001:db8::5', 3260, encodeLun(1)],
  ];
  for (const [text, host, port, lun] of cases) {
    assert.deepEqual(parseDiskAddress(text), { portal: { host, port }, targetName, lun: Uint8Array.from(lun) }, text);
  }
});

test('what names no disk says how to name one', () => {
  for (const [text, message] of [
    ['192.0.2.5', /names no disk/],
    [`iscsi:::::${targetName}`, /names no server/],
    ['iscsi://192.0.2.5', /names no disk/],
    [`iscsi://192.0.2.5/${targetName}/16384`, /no LUN 16384/],
    [`iscsi://192.0.2.5/${targetName}/0/1`, /names no disk/],
    [`iscsi://[::1]x/${targetName}/0`, /server name/],
    ['iscsi://192.0.2.5/disk/0', /disk/],
    [`iscsi:192.0.2.5:${targetName}`, /fewer than five fields/],
  ] as const) {
    assert.throws(() => parseDiskAddress(text), message, text);
  }
});

test('a portal is a host, or a host and a port', () => {
  assert.deepEqual(parsePortal('192.0.2.5'), { host: '192.0.2.5', port: 3260 });
  assert.deepEqual(parsePortal('disks.example.com:3261'), { host: 'disks.example.com', port: 3261 });
  assert.deepEqual(parsePortal('[2001:db8::5]'), { host: '2001:db8::5', port: 3260 });
  assert.deepEqual(parsePortal('[2001:db8::5]:1'), { host: '2001:db8::5', port: 1 });
  for (const text of ['', '2001:db8::5', '192.0.2.5:', '192.0.2.5:0', '192.0.2.5:70000', 'a b', '[::1']) {
    assert.throws(() => parsePortal(text), /server name|port/, text);
  }
});
