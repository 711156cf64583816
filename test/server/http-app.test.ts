import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv4 } from '../../src/bytes/index.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { parseByteRange } from '../../src/server/byte-range.ts';
import { httpApp } from '../../src/server/http-app.ts';
import { Loaders, loaderOf } from '../../src/server/loaders.ts';

const modified = new Date('2026-02-03T04:05:06.789Z');
const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);

function app(sent: string[] = []) {
  return httpApp({
    loaders: new Loaders(new Map([['ipxe.efi', loaderOf(bytes, modified)]])),
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

  test('every other method is refused, with those that are there', async () => {
    for (const path of ['/ipxe.efi', '/boot.ipxe']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const sent: string[] = [];
        const response = await app(sent).request(path, { method });
        assert.deepEqual([response.status, response.headers.get('allow'), sent], [405, 'GET, HEAD', []]);
      }
    }
  });

  test('conditions are heeded, tags before times (RFC 9110 §13)', async () => {
    const first = await app().request('/ipxe.efi');
    const tag = first.headers.get('etag') ?? '';
    const time = first.headers.get('last-modified') ?? '';
    assert.equal(time, 'Tue, 03 Feb 2026 04:05:06 GMT');
    const [before, after] = ['Tue, 03 Feb 2026 04:05:05 GMT', 'Tue, 03 Feb 2026 04:05:07 GMT'];
    const cases: [Record<string, string>, number][] = [
      [{ 'if-none-match': tag }, 304],
      [{ 'if-none-match': `"x", W/${tag}` }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"x"', 'if-modified-since': after }, 200],
      [{ 'if-modified-since': time }, 304],
      [{ 'if-modified-since': before }, 200],
      [{ 'if-modified-since': 'soon' }, 200],
      [{ 'if-match': tag }, 200],
      [{ 'if-match': '*' }, 200],
      [{ 'if-match': `"x", ${tag}`, 'if-unmodified-since': before }, 200],
      [{ 'if-match': '"x"' }, 412],
      [{ 'if-match': `W/${tag}` }, 412],
      [{ 'if-match': '"x"', 'if-none-match': tag }, 412],
      [{ 'if-unmodified-since': time }, 200],
      [{ 'if-unmodified-since': before }, 412],
      [{ range: 'bytes=0-9', 'if-none-match': tag }, 304],
      [{ range: 'bytes=0-9', 'if-range': tag }, 206],
      [{ range: 'bytes=0-9', 'if-range': '"x"' }, 200],
      [{ range: 'bytes=0-9', 'if-range': `W/${tag}` }, 200],
      [{ range: 'bytes=0-9', 'if-range': time }, 206],
      [{ range: 'bytes=0-9', 'if-range': after }, 200],
      [{ range: 'bytes=5000-', 'if-range': '"x"' }, 200],
    ];
    for (const [headers, status] of cases) {
      for (const method of ['GET', 'HEAD']) {
        const sent: string[] = [];
        const response = await app(sent).request('/ipxe.efi', { method, headers });
        const expected = method === 'HEAD' && status === 206 ? 200 : status;
        assert.equal(response.status, expected, `${method} ${JSON.stringify(headers)}`);
        assert.equal(sent.length, method === 'GET' && status < 300 ? 1 : 0);
        if (status === 304) assert.equal(response.headers.get('etag'), tag);
        if (status === 304 || method === 'HEAD') assert.equal((await body(response)).length, 0);
      }
    }
  });

  test('other bytes have another tag', () => {
    assert.notEqual(loaderOf(bytes, modified).tag, loaderOf(bytes.toReversed(), modified).tag);
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
    const upwards = [
      '/..',
      '/%2e%2e',
      '/%2E%2E%2f',
      '/%252e%252e',
      '/..%5c',
      '/..\\',
      '/...',
      '/....//',
      '/\uff0e\uff0e',
    ];
    const paths = [
      '/',
      '//',
      '/%',
      '/%00',
      '/ipxe.efi%00',
      '/ipxe.efi%00.txt',
      '/ipxe.efi/',
      '/IPXE.EFI',
      '/C:/ipxe.efi',
    ];
    const files = upwards.flatMap((up) => [`${up}/etc/passwd`, `/x${up}${up}/etc/passwd`, `${up}/undionly.kpxe`]);
    for (const path of [...paths, ...files, '//etc/passwd', '/file:///etc/passwd', '/__proto__', '/constructor']) {
      assert.equal((await app().request(`http://192.0.2.1${path}`)).status, 404, path);
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
    ['Bytes=0-1', { first: 0, last: 1 }],
    ['bytes= ,0-1, ', { first: 0, last: 1 }],
    ['bytes=0-99999999999999999999', { first: 0, last: 999 }],
    ['bytes=99999999999999999999-', 'unsatisfiable'],
    ['bytes=--5', undefined],
    ['bytes=0x1-2', undefined],
    ['bytes 0-1', undefined],
  ];
  for (const [header, range] of cases) {
    test(`${header}`, () => assert.deepEqual(parseByteRange(header, 1000), range));
  }
});
