import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv4, parseMac } from '../../src/bytes/index.ts';
import type { BootClient, BootClientKind } from '../../src/dhcp/boot-client.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { loaderNames } from '../../src/server/architecture.ts';
import { decideBoot } from '../../src/server/boot-policy.ts';

const place = { address: parseIpv4('192.0.2.1'), http: '192.0.2.1:8080', iscsiPort: 3260 };
const disk = {
  targetName: parseIscsiName('iqn.2026-11.internal.diskless:52-54-00-12-34-56'),
  initiatorName: parseIscsiName('iqn.2026-11.internal.diskless:initiator:52-54-00-12-34-56'),
  hostName: undefined,
};

function client(kind: BootClientKind, architectures: readonly number[] = []): BootClient {
  return {
    kind,
    hardwareAddress: parseMac('52:54:00:12:34:56'),
    architectures,
    isIpxe: kind === 'ipxe',
    isPxe: kind === 'pxe',
    iscsiRom: undefined,
    isHttp: kind === 'http',
    requestedOptions: Uint8Array.of(17),
    userClasses: [],
    vendorClass: undefined,
    machineIdentifier: undefined,
    hostName: undefined,
  };
}

const debianLoaders = ['undionly.kpxe', 'snponly.efi', 'ipxe.efi'];
const decide = (
  one: BootClient,
  loaders: readonly string[] = debianLoaders,
  at = place,
  mode: 'full' | 'proxy' = 'full',
) => decideBoot(one, at, disk, { mode, hasLoader: (name) => loaders.includes(name) });

describe('boot policy', () => {
  const byTftp: [string, number[], string][] = [
    ['BIOS', [0], 'undionly.kpxe'],
    ['a PXE client that names no architecture', [], 'undionly.kpxe'],
    ['UEFI x86-64 as erratum 4624 numbers it', [7], 'snponly.efi'],
    ['UEFI x86-64 as RFC 4578 prints it', [9], 'snponly.efi'],
    ['the first usable of several', [6, 7], 'snponly.efi'],
  ];
  for (const [name, architectures, loader] of byTftp) {
    test(`${name} gets ${loader} by TFTP`, () => {
      const decision = decide(client('pxe', architectures));
      assert.equal(decision.kind, 'loader');
      assert.deepEqual(decision.answer, { nextServer: '192.0.2.1', bootFile: loader });
    });
  }

  for (const architecture of [16, 17]) {
    test(`UEFI HTTP boot (architecture ${architecture}) gets a URL`, () => {
      const decision = decide(client('http', [architecture]));
      assert.equal(decision.kind, 'loader');
      assert.deepEqual(decision.answer, { bootFile: 'http://192.0.2.1:8080/ipxe.efi' });
    });
  }

  test('a PXE client of an architecture for TFTP gets nothing meant for HTTP, and the other way round', () => {
    assert.equal(decide(client('pxe', [16])).kind, 'no-loader');
    assert.equal(decide(client('http', [7])).kind, 'no-loader');
  });

  test('ARM gets its loader from a loader directory that has one', () => {
    const decision = decide(client('pxe', [11]), loaderNames);
    assert.equal(decision.kind, 'loader');
    assert.equal(decision.answer.bootFile, 'arm64-efi/snponly.efi');
  });

  test('a known architecture without its loader is told apart from an unknown one', () => {
    const missing = decide(client('pxe', [11]));
    assert.equal(missing.kind, 'no-loader');
    assert.match(missing.reason, /arm64-efi\/snponly\.efi/);
    const unknown = decide(client('pxe', [0x27]));
    assert.equal(unknown.kind, 'no-loader');
    assert.deepEqual(unknown.architectures, [0x27]);
  });

  for (const kind of ['ipxe', 'uefi-iscsi', 'other'] as const) {
    test(`${kind} gets the Root Path and no boot file`, () => {
      const decision = decide(client(kind));
      assert.ok('answer' in decision);
      assert.equal(decision.answer.rootPath, `iscsi:192.0.2.1::::${disk.targetName}`);
      assert.equal(decision.answer.bootFile, undefined);
      assert.equal(decision.answer.nextServer, undefined);
      assert.equal(decision.answer.initiatorName, disk.initiatorName);
    });
  }

  test('a proxy sends iPXE to its script, as iPXE takes no Root Path from a proxy', () => {
    const decision = decide(client('ipxe'), debianLoaders, place, 'proxy');
    assert.equal(decision.kind, 'disk');
    assert.deepEqual(decision.answer, {
      nextServer: '192.0.2.1',
      bootFile: 'http://192.0.2.1:8080/boot.ipxe?mac=52:54:00:12:34:56',
    });
    assert.equal(decision.rootPath, `iscsi:192.0.2.1::::${disk.targetName}`);
  });

  test('the port is named when it is not the well-known one', () => {
    const decision = decide(client('ipxe'), debianLoaders, { ...place, iscsiPort: 13260 });
    assert.equal(decision.kind, 'disk');
    assert.equal(decision.rootPath, `iscsi:192.0.2.1::13260::${disk.targetName}`);
  });
});
