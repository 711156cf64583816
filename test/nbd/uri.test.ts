import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNbdUri, type NbdAddress, parseNbdUri } from '../../src/nbd/uri.ts';

const forms: readonly (readonly [string, NbdAddress])[] = [
  ['nbd://192.0.2.5:10810/disk', { place: { kind: 'tcp', host: '192.0.2.5', port: 10_810 }, exportName: 'disk' }],
  ['nbd://[2001:db8::1]:10809/', { place: { kind: 'tcp', host: '2001:db8::1', port: 10_809 }, exportName: '' }],
  ['nbd+unix:///?socket=/run/disk.sock', { place: { kind: 'local', path: '/run/disk.sock' }, exportName: '' }],
  [
    'nbd+unix:///a%20disk%2F1?socket=/run/%26%20more',
    { place: { kind: 'local', path: '/run/& more' }, exportName: 'a disk/1' },
  ],
];

for (const [text, address] of forms) {
  test(`${text} is read and written`, () => {
    assert.deepEqual(parseNbdUri(text), address);
    assert.equal(formatNbdUri(address), text);
  });
}

test('the port is 10809 where none is named', () => {
  assert.deepEqual(parseNbdUri('nbd://example.com').place, { kind: 'tcp', host: 'example.com', port: 10_809 });
});

test('what names no export that can be reached is refused', () => {
  for (const text of [
    'disk',
    'nbd:',
    'nbd:///disk',
    'nbds://h/',
    'nbd+unix:///disk',
    'nbd+vsock://2/',
    'nbd://h/%ff',
  ]) {
    assert.throws(() => parseNbdUri(text), { code: 'NBD_URI' }, text);
  }
});
