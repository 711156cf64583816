import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv4 } from '../../src/bytes/index.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { parseByteRange } from '../../src/server/byte-range.ts';
import { httpApp } from '../../src/server/http-app.ts';
import { Loaders } from '../../src/server/loaders.ts';

const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);

function app(sent: string[] = []) {
  return httpApp({
    loaders: new Loaders(new Map([['ipxe.efi', bytes]])),
    endsOf: () => ({ local: '192.0.2.1', remote: '192.0.2.130' }),
    placeAt: (address) => ({ address: parseIpv4(address), http: `${address}:8080`, iscsiPort: 3260 }),
    diskOf: (mac) => ({
      targetName: parseIscsiName(`iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`),
      initiatorName: parseIscsiName(`iqn.2026-11.internal.diskless:initiator:${mac.replaceAll(':', '-')}`),
      hostName: undefined,
    }),
    onLoader: (remote, name, size) => sent.push(`${remote} ${name} ${size}`),
    onScript: (mac) => sent.push(`script ${mac}`),
  });
}

async function body(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

describe('HTTP', () => {
  test('a loader comes whole, with its length', async () => {
    const sent: string[] = [];
    const response = await app(sent).request('/ipxe.efi');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-length'), '1000');
    assert.deepEqual(await body(response), bytes);
    assert.deepEqual(sent, ['192.0.2.130 ipxe.efi 1000']);
  });

  test('HEAD tells the length, sends nothing and is no delivery', async () => {
    const sent: string[] = [];
    const response = await app(sent).request('/ipxe.efi', { method: 'HEAD' });
    assert.equal(response.headers.get('content-length'), '1000');
    assert.equal((await body(response)).length, 0);
    assert.deepEqual(sent, []);
  });

  test('a range comes as 206', async () => {
    const response = await app().request('/ipxe.efi', { headers: { range: 'bytes=990-' } });
    assert.equal(response.status, 206);
    assert.equal(response.headers.get('content-range'), 'bytes 990-999/1000');
    assert.deepEqual(await body(response), bytes.subarray(990));
  });

  test('a range beyond the end is 416', async () => {
    const response = await app().request('/ipxe.efi', { headers: { range: 'bytes=1000-' } });
    assert.equal(response.status, 416);
    assert.equal(response.headers.get('content-range'), 'bytes */1000');
  });

  test('nothing else is there', async () => {
    for (const path of ['/', '/undionly.kpxe', '/../etc/passwd', '/%2e%2e/etc/passwd']) {
      assert.equal((await app().request(path)).status, 404, path);
    }
  });

  test('a machine’s script boots its own disk', async () => {
    const response = await app().request('/boot.ipxe?mac=52-54-00-AB-CD-EF');
    assert.equal(
      await response.text(),
      [
        '#!ipxe',
        'set initiator-iqn iqn.2026-11.internal.diskless:initiator:52-54-00-ab-cd-ef',
        'sanboot iscsi:192.0.2.1::::iqn.2026-11.internal.diskless:52-54-00-ab-cd-ef',
        '',
      ].join('\n'),
    );
  });

  test('a machine that does not say who it is is told how', async () => {
    assert.match(await (await app().request('/boot.ipxe')).text(), /^#!ipxe\nchain boot\.ipxe\?mac=\$\{netX\/mac\}\n$/);
    assert.equal((await app().request('/boot.ipxe?mac=nonsense')).status, 400);
  });
});

describe('byte ranges (RFC 9110 §14)', () => {
  const cases: [string | undefined, ReturnType<typeof parseByteRange>][] = [
    [undefined, undefined],
    ['bytes=0-499', { first: 0, last: 499 }],
    ['bytes=500-999', { first: 500, last: 999 }],
    ['bytes=500-5000', { first: 500, last: 999 }],
    ['bytes=-500', { first: 500, last: 999 }],
    ['bytes=-5000', { first: 0, last: 999 }],
    ['bytes=9500-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,5-6', undefined],
    ['lines=0-1', undefined],
  ];
  for (const [header, range] of cases) {
    test(`${header}`, () => assert.deepEqual(parseByteRange(header, 1000), range));
  }
});
