import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseMac } from '../../src/bytes/index.ts';
import { pciPlaceOf } from '../../src/os/pci-address.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const mac = parseMac('52:54:00:42:00:01');

describe('where the hardware of an interface sits', () => {
  for (const [what, path, expected] of [
    ['a card', 'pci0000:00/0000:00:1f.6', { bus: 0, device: 31, function: 6 }],
    ['a virtio card', 'pci0000:00/0000:00:03.0/virtio0', { bus: 0, device: 3, function: 0 }],
    ['a card behind a bridge', 'pci0000:00/0000:00:1c.4/0000:3a:00.1', { bus: 0x3a, device: 0, function: 1 }],
    ['one of another domain, which boot firmware tables cannot name', 'pci0001:00/0001:00:03.0', undefined],
    ['one on USB', 'platform/usb1/1-1', undefined],
  ] as const) {
    test(what, (t) => {
      const sys = temporaryDirectory(t);
      const device = join(sys, 'devices', path);
      const folder = join(sys, 'class', 'net', 'eth0');
      for (const each of [device, folder]) mkdirSync(each, { recursive: true });
      writeFileSync(join(folder, 'address'), `${mac}\n`);
      symlinkSync(device, join(folder, 'device'));
      assert.deepEqual(pciPlaceOf('eth0', mac, sys), expected);
      assert.equal(pciPlaceOf('eth0', parseMac('52:54:00:42:00:02'), sys), undefined, 'somebody else’s eth0');
    });
  }

  test('none: a bridge, or no interface at all', (t) => {
    const sys = temporaryDirectory(t);
    const folder = join(sys, 'class', 'net', 'br0');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'address'), `${mac}\n`);
    assert.equal(pciPlaceOf('br0', mac, sys), undefined);
    assert.equal(pciPlaceOf('eth1', mac, sys), undefined);
  });
});
