import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import type { IscsiName } from '../../src/iscsi/name.ts';
import { formatRootPath, parseRootPath, type RootPath } from '../../src/iscsi/root-path.ts';
import { formatLun, parseLun } from '../../src/iscsi/root-path-lun.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';

const disk = 'iqn.2001-04.com.example:disk';

function summary(path: RootPath | undefined) {
  if (path === undefined) return undefined;
  const { server, protocol, port, lun, targetName } = path;
  return { server, protocol, port, lun: lun && Buffer.from(lun).toString('hex'), targetName };
}

const blank = { server: undefined, protocol: undefined, port: undefined, lun: undefined };
const name = (text: string) => ({ kind: 'name', name: text });

const valid: readonly [string, object][] = [
  [`iscsi:192.0.2.5::::${disk}`, { ...blank, server: { kind: 'ipv4', address: '192.0.2.5' }, targetName: disk }],
  [
    'iscsi:[2001:db8::5]:6:3261:4752-3A4F-6b7e-2F99:iqn.2001-04.com.example:a:b:c',
    {
      server: { kind: 'ipv6', address: '2001:db8::5' },
      protocol: 6,
      port: 3261,
      lun: '47523a4f6b7e2f99',
      targetName: 'iqn.2001-04.com.example:a:b:c',
    },
  ],
  [
    'iscsi:boot.example.com.:6::6734-9-156f-127:eui.02004567a425678d',
    {
      ...blank,
      server: name('boot.example.com.'),
      protocol: 6,
      lun: '67340009156f0127',
      targetName: 'eui.02004567a425678d',
    },
  ],
  [`iscsi:::::${disk}`, { ...blank, targetName: disk }],
  ['iscsi::::4186-9:naa.52004567ba64678d', { ...blank, lun: '4186000900000000', targetName: 'naa.52004567ba64678d' }],
  [
    `iscsi:h:6:3260:0-0-0-1:${disk}`,
    { server: name('h'), protocol: 6, port: 3260, lun: '0000000000000001', targetName: disk },
  ],
  [`iscsi:h:::ff:${disk}`, { ...blank, server: name('h'), lun: '00ff000000000000', targetName: disk }],
  // A label may start with a digit, unless it is the last one (RFC 2396 §3.2.2).
  [`iscsi:1st.example.com::::${disk}`, { ...blank, server: name('1st.example.com'), targetName: disk }],
  // One to three digits each (RFC 2732 §3), decimal.
  [`iscsi:192.000.02.010::::${disk}`, { ...blank, server: { kind: 'ipv4', address: '192.0.2.10' }, targetName: disk }],
  // 1*DIGIT: leading zeros are grammatical in protocol and port.
  [`iscsi:h:06:03260::${disk}`, { ...blank, server: name('h'), protocol: 6, port: 3260, targetName: disk }],
  // What a user types in upper case is mapped to lower case (RFC 3722 §4).
  [`iscsi:h::::IQN.2001-04.COM.EXAMPLE:Disk`, { ...blank, server: name('h'), targetName: disk }],
  [`ISCSI:h::::${disk}`, { ...blank, server: name('h'), targetName: disk }],
  // A receiver strips trailing NULs (RFC 2132 §2).
  [`iscsi:h::::${disk}\0\0`, { ...blank, server: name('h'), targetName: disk }],
];

for (const [text, expected] of valid) {
  test(`RFC 4173 §5 allows ${JSON.stringify(text)}`, () => {
    assert.deepEqual(summary(parseRootPath(text)), expected);
    assert.deepEqual(summary(parseRootPath(new TextEncoder().encode(text))), expected);
  });
}

const invalid: readonly [string, string][] = [
  [`iscsi:192.0.2.5:::${disk}`, 'ROOT_PATH_FIELDS'],
  ['iscsi:192.0.2.5:iqn.2001-04.com.example', 'ROOT_PATH_FIELDS'],
  ['iscsi:', 'ROOT_PATH_FIELDS'],
  ['iscsi:h:::', 'ROOT_PATH_FIELDS'],
  [`iscsi:h:17:::${disk}`, 'ROOT_PATH_PROTOCOL'],
  [`iscsi:h:tcp:::${disk}`, 'ROOT_PATH_PROTOCOL'],
  [`iscsi:h::70000::${disk}`, 'ROOT_PATH_PORT'],
  [`iscsi:h::0::${disk}`, 'ROOT_PATH_PORT'],
  [`iscsi:h::+80::${disk}`, 'ROOT_PATH_PORT'],
  [`iscsi:h::0x50::${disk}`, 'ROOT_PATH_PORT'],
  [`iscsi:h:::00001:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::1-:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::-1:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::1--2:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::0x1:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::#1:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h::: 1:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::1-2-3-4-5:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:h:::47523a4f6b7e2f99:${disk}`, 'ROOT_PATH_LUN'],
  [`iscsi:2001:db8::5::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:[2001:db8::5::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:[2001:db8::5]6::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:[192.0.2.5]::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:[fe80::1%eth0]::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:192.0.2.256::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:192.0.2.0005::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:192.0.2::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:u@h::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi://h::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:bad_host::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:-h::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:a..b::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:h%41::::${disk}`, 'ROOT_PATH_SERVER'],
  [`iscsi:${'a'.repeat(64)}::::${disk}`, 'ROOT_PATH_SERVER'],
  ['iscsi://h/iqn.2001-04.com.example/0', 'ROOT_PATH_FIELDS'],
  ['iscsi:u:p@h::::iqn.2001-04.com.example:disk', 'ROOT_PATH_PROTOCOL'],
  ['iscsi:h::::', 'ROOT_PATH_TARGET_MISSING'],
  ['iscsi:h::::\0', 'ROOT_PATH_TARGET_MISSING'],
  [`iscsi:h::::iqn.2001-04.com.example:${'x'.repeat(200)}`, 'ROOT_PATH_TARGET_NAME'],
  ['iscsi:h::::iqn.2001-04.com.example:a_b', 'ROOT_PATH_TARGET_NAME'],
  ['iscsi:h::::iqn.2001-04.com.example:a b', 'ROOT_PATH_TARGET_NAME'],
  ['iscsi:h::::iqn.2001-04.com.example/0', 'ROOT_PATH_TARGET_NAME'],
  ['iscsi:h::::disk', 'ROOT_PATH_TARGET_NAME'],
];

for (const [text, code] of invalid) {
  test(`${code} refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.throws(() => parseRootPath(text), { name: 'ProtocolError', code });
  });
}

test("a Root Path without the prefix is somebody else's", () => {
  for (const text of ['/srv/nfs/root', '192.0.2.1:/srv', 'aoe:e0.0', '', 'iscsi'])
    assert.equal(parseRootPath(text), undefined);
  assert.equal(parseRootPath(Uint8Array.of(0xff, 0xfe)), undefined);
});

test('bytes that are not UTF-8 are refused', () => {
  const bytes = new Uint8Array([...new TextEncoder().encode(`iscsi:h::::${disk}`), 0xc3]);
  assert.throws(() => parseRootPath(bytes), { code: 'ROOT_PATH_ENCODING' });
});

test('every refusal says what to do', () => {
  for (const [text] of invalid) {
    assert.throws(
      () => parseRootPath(text),
      (error) => error instanceof ProtocolError && (error.hint ?? '').length > 10,
    );
  }
});

test('what is written is read back, blank fields staying blank', () => {
  const server = fc.constantFrom('192.0.2.5', '[2001:db8::5]', 'h', 'boot.example.com.', '[::]').map(parseServerName);
  const path: fc.Arbitrary<RootPath> = fc.record(
    {
      server,
      protocol: fc.constant(6 as const),
      port: fc.integer({ min: 1, max: 65535 }),
      lun: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      targetName: fc
        .constantFrom(disk, 'eui.02004567a425678d', 'iqn.2001-04.com.example:a:b::c')
        .map((text) => text as IscsiName),
    },
    { requiredKeys: ['targetName'] },
  );
  fc.assert(
    fc.property(path, (given) => assert.deepEqual(summary(parseRootPath(formatRootPath(given))), summary(given))),
  );
});

test('any text is read, ignored or refused with a protocol error', () => {
  const parts = fc.array(
    fc.constantFrom('iscsi:', ':', '[', ']', '-', '0', 'ff', 'h', '6', '\0', disk, 'é', ' ', '@'),
    { maxLength: 14 },
  );
  fc.assert(
    fc.property(parts, (given) => {
      const text = `iscsi:${given.join('')}`;
      try {
        const path = parseRootPath(text);
        assert.ok(path !== undefined);
        assert.deepEqual(summary(parseRootPath(formatRootPath(path))), summary(path));
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
      }
    }),
  );
});

test('a LUN is written in its shortest legal form', () => {
  for (const [text, canonical] of [
    ['0', '0'],
    ['0000-0000', '0'],
    ['0001-0000-0000-0000', '1'],
    ['4186-9', '4186-9'],
    ['6734-0009-156F-0127', '6734-9-156f-127'],
    ['0-0-0-1', '0-0-0-1'],
  ] as const) {
    assert.equal(formatLun(parseLun(text)), canonical);
  }
});
