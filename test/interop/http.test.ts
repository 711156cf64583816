/** curl against our HTTP server: what loaders ask for, and what else a client may. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { parseIpv4 } from '../../src/bytes/index.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { httpApp } from '../../src/server/http-app.ts';
import { endsOf, HttpService } from '../../src/server/http-service.ts';
import { Loaders, loaderOf } from '../../src/server/loaders.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** An address and a port that nothing else on a machine uses. */
const address = '127.0.69.3';
const port = 6980;
const bytes = Uint8Array.from({ length: 300_001 }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
const file = loaderOf(bytes, new Date('2026-02-03T04:05:06Z'));
const url = `http://${address}:${port}/ipxe.efi`;

async function curl(...args: readonly string[]) {
  const child = spawn('curl', ['--silent', '--show-error', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const [status] = await once(child, 'close');
  return { status, output: Buffer.concat(chunks) };
}

/** What it says of the answer: its status, and how many bytes came. */
async function answer(t: TestContext, ...args: readonly string[]): Promise<string> {
  const into = join(temporaryDirectory(t), 'got');
  const { output } = await curl('--output', into, '--write-out', '%{http_code} %{size_download}', ...args);
  return output.toString();
}

describe('HTTP with curl', () => {
  let service: HttpService;
  const named = (name: string) => parseIscsiName(`iqn.2001-04.com.example:${name}`);

  before(async () => {
    const app = httpApp({
      loaders: new Loaders(new Map([['ipxe.efi', file]])),
      endsOf,
      placeAt: (local) => ({ address: parseIpv4(local), http: `${local}:${port}`, iscsiPort: 3260 }),
      diskOf: () => ({ targetName: named('disk'), initiatorName: named('init'), hostName: undefined }),
      onLoader: () => {},
      onScript: () => {},
    });
    service = await HttpService.listen(app, { address, port });
  });
  after(() => service[Symbol.asyncDispose]());

  test('gives all, a part, and the rest of what was cut off', async (t) => {
    if (!requires(t, 'curl')) return;
    assert.ok((await curl(url)).output.equals(bytes));
    assert.ok((await curl('--range', '5-14', url)).output.equals(bytes.subarray(5, 15)));
    assert.ok((await curl('--range', '-7', url)).output.equals(bytes.subarray(-7)));
    const got = join(temporaryDirectory(t), 'got');
    writeFileSync(got, bytes);
    truncateSync(got, 100_000);
    assert.equal((await curl('--continue-at', '-', '--output', got, url)).status, 0);
    assert.ok(readFileSync(got).equals(bytes));
    assert.equal(await answer(t, '--range', '300001-', url), '416 0');
  });

  test('gives nothing that the client has already', async (t) => {
    if (!requires(t, 'curl')) return;
    const tag = join(temporaryDirectory(t), 'tag');
    assert.equal(await answer(t, '--etag-save', tag, url), '200 300001');
    assert.equal(readFileSync(tag, 'latin1').trim(), file.tag);
    assert.equal(await answer(t, '--etag-compare', tag, url), '304 0');
    assert.equal(await answer(t, '--time-cond', 'Tue, 03 Feb 2026 04:05:06 GMT', url), '304 0');
    assert.equal(await answer(t, '--time-cond', 'Tue, 03 Feb 2026 04:05:05 GMT', url), '200 300001');
  });

  test('tells the size by HEAD, and answers several requests by one connection', async (t) => {
    if (!requires(t, 'curl')) return;
    assert.match((await curl('--head', url)).output.toString(), /^HTTP\/1\.1 200 OK\r\n.*content-length: 300001\r\n/is);
    const { output } = await curl('--write-out', '%{num_connects} ', '-o', '/dev/null', url, '-o', '/dev/null', url);
    assert.equal(output.toString().trim(), '1 0');
  });

  test('keeps to its paths, and to reading', async (t) => {
    if (!requires(t, 'curl')) return;
    for (const path of [
      '/../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/..%5c..%5cetc/passwd',
      '//etc/passwd',
      '/%00',
    ]) {
      assert.match(await answer(t, '--path-as-is', `http://${address}:${port}${path}`), /^404 /, path);
    }
    assert.match(await answer(t, '--request', 'DELETE', url), /^405 /);
    assert.match(await answer(t, '--data', 'x', url), /^405 /);
  });

  test('thirty-two at once get it whole', async (t) => {
    if (!requires(t, 'curl')) return;
    const all = await Promise.all(Array.from({ length: 32 }, () => curl(url)));
    for (const { output } of all) assert.ok(output.equals(bytes));
  });
});
