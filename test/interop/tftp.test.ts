/** curl and tftp-hpa against our TFTP server, our TFTP client against dnsmasq's server. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Ipv4Address } from '../../src/bytes/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { Loaders, loaderOf } from '../../src/server/loaders.ts';
import { TftpService, type TftpTransfer } from '../../src/server/tftp-service.ts';
import { encodePacket, Opcode, ReadClient, TftpServer } from '../../src/tftp/index.ts';
import { end } from '../support/namespace-pair.ts';
import { PacketFile } from '../support/packet-file.ts';
import { requires, root } from '../support/requires.ts';
import { download } from '../support/tftp-download.ts';

/** Addresses and a port that nothing else on a machine uses. */
const serverAddress = '127.0.69.1' as Ipv4Address;
const dnsmasqAddress = '127.0.69.2';
const port = 6969;

/** Bytes in which no two blocks are alike. */
function content(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 0x2545f491 ^ length;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

// Around one and several blocks of 512 and of 1468; the last passes the 65535 blocks of 512 that a block number can count.
const lengths = [0, 1, 511, 512, 513, 1024, 1468, 2936, 2937, 100_000, 33_554_432 + 700];
const files = new Map(lengths.map((length) => [`file-${length}`, content(length)]));
// One block more than a block number can count, and a short one. 8 bytes are the least of RFC 2348; busybox needs room for its request.
for (const blockSize of [8, 64]) files.set(`rollover-${blockSize}`, content(0x1_0000 * blockSize + 5));
files.set('lines', new TextEncoder().encode('one\ntwo\r\nthree\rfour\n'.repeat(100)));

async function run(command: string, args: readonly string[], cwd: string) {
  const child = spawn(command, args, { cwd, timeout: 120_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const [status] = await once(child, 'close');
  return { status, output: Buffer.concat(chunks), errors };
}

const request = { opcode: Opcode.readRequest, fileName: '', mode: 'octet', options: new Map<string, string>() };

describe('TFTP with other programs', () => {
  const ended: TftpTransfer[] = [];
  let folder = '';
  let service: TftpService;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'diskless-tftp-'));
    service = await TftpService.listen({
      address: serverAddress,
      port,
      network: nodeNetwork,
      clock: systemClock,
      loaders: new Loaders(new Map([...files].map(([name, bytes]) => [name, loaderOf(bytes, new Date(0))]))),
      onTransfer: (transfer) => ended.push(transfer),
      onRefused: () => {},
      onError: (error) => assert.fail(String(error)),
    });
  });

  after(async () => {
    await service[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const url = (name: string) => `tftp://${serverAddress}:${port}/${name}`;

  for (const blockSize of [512, 1468, 8192]) {
    test(`curl reads files of all lengths in blocks of ${blockSize}`, async (t) => {
      if (!requires(t, 'curl')) return;
      for (const length of lengths) {
        // curl 7.88 fails at every empty file (exit code 71), dnsmasq's included; tftp-hpa below reads ours.
        if (length === 0 || (length > 1e6 && blockSize === 8192)) continue;
        const args = ['--silent', '--show-error', '--tftp-blksize', String(blockSize), url(`file-${length}`)];
        const { status, output, errors } = await run('curl', args, folder);
        assert.equal(status, 0, `${length} bytes: ${errors}`);
        assert.ok(output.equals(files.get(`file-${length}`) ?? new Uint8Array()), `${length} bytes arrived changed`);
      }
    });
  }

  test('curl without options falls back to the plain protocol', async (t) => {
    if (!requires(t, 'curl')) return;
    const { output } = await run('curl', ['--silent', '--tftp-no-options', url('file-100000')], folder);
    assert.ok(output.equals(files.get('file-100000') ?? new Uint8Array()));
  });

  test('curl hears of a file that is not there, and may not write', async (t) => {
    if (!requires(t, 'curl')) return;
    assert.equal((await run('curl', ['--silent', url('missing')], folder)).status, 68);
    assert.equal((await run('curl', ['--silent', url('../etc/passwd'), '--path-as-is'], folder)).status, 69);
    writeFileSync(join(folder, 'upload'), 'x');
    assert.equal((await run('curl', ['--silent', '--upload-file', 'upload', url('upload')], folder)).status, 69);
  });

  test('tftp-hpa reads in octet mode', async (t) => {
    if (!requires(t, 'tftp')) return;
    for (const length of lengths.filter((each) => each < 1e6)) {
      const args = ['-m', 'octet', serverAddress, String(port), '-c', 'get', `file-${length}`, 'got'];
      const { output, errors } = await run('tftp', args, folder);
      assert.equal(output.toString() + errors, '', `${length} bytes`);
      assert.ok(readFileSync(join(folder, 'got')).equals(files.get(`file-${length}`) ?? new Uint8Array()), `${length}`);
    }
  });

  test('tftp-hpa reads text in netascii mode', async (t) => {
    if (!requires(t, 'tftp')) return;
    const args = ['-m', 'netascii', serverAddress, String(port), '-c', 'get', 'lines', 'got'];
    const { output, errors } = await run('tftp', args, folder);
    assert.equal(output.toString() + errors, '');
    // Sent as CR LF and CR NUL, and turned back.
    assert.deepEqual(readFileSync(join(folder, 'got')), Buffer.from(files.get('lines') ?? []));
    assert.equal(ended.at(-1)?.outcome.type, 'complete');
  });

  for (const blockSize of [512, 1432, 65464]) {
    test(`busybox reads files of all lengths in blocks of ${blockSize}`, async (t) => {
      if (!requires(t, 'busybox')) return;
      for (const length of lengths.filter((each) => each < 1e6)) {
        const args = [
          'tftp',
          '-g',
          '-b',
          `${blockSize}`,
          '-r',
          `file-${length}`,
          '-l',
          'got',
          serverAddress,
          `${port}`,
        ];
        const { status, errors } = await run('busybox', args, folder);
        assert.equal(status, 0, `${length} bytes: ${errors}`);
        assert.ok(
          readFileSync(join(folder, 'got')).equals(files.get(`file-${length}`) ?? new Uint8Array()),
          `${length}`,
        );
      }
    });
  }

  test('curl passes the end of the block numbers in the smallest blocks', async (t) => {
    if (!requires(t, 'curl')) return;
    const { status, output, errors } = await run(
      'curl',
      ['--silent', '--tftp-blksize', '8', url('rollover-8')],
      folder,
    );
    assert.equal(status, 0, errors);
    assert.ok(output.equals(files.get('rollover-8') ?? new Uint8Array()));
  });

  test('busybox passes the end of the block numbers in small blocks', async (t) => {
    if (!requires(t, 'busybox')) return;
    const args = ['tftp', '-g', '-b', '64', '-r', 'rollover-64', '-l', 'got', serverAddress, `${port}`];
    const { status, errors } = await run('busybox', args, folder);
    assert.equal(status, 0, errors);
    assert.ok(readFileSync(join(folder, 'got')).equals(files.get('rollover-64') ?? new Uint8Array()));
  });

  test('tftp-hpa passes the end of the block numbers', async (t) => {
    if (!requires(t, 'tftp')) return;
    const args = ['-m', 'octet', serverAddress, String(port), '-c', 'get', 'file-33555132', 'got'];
    const { output, errors } = await run('tftp', args, folder);
    assert.equal(output.toString() + errors, '');
    assert.ok(readFileSync(join(folder, 'got')).equals(files.get('file-33555132') ?? new Uint8Array()));
  });

  test('a thousand clients read at once, and no socket is left', async () => {
    const sockets = () => readdirSync('/proc/self/fd').length;
    const before = sockets();
    const server = { address: serverAddress, port };
    const got = await Promise.all(
      Array.from({ length: 1000 }, () => download({ server, fileName: 'file-100000', blockSize: 1428, windowSize: 8 })),
    );
    for (const bytes of got) assert.ok(Buffer.from(bytes).equals(files.get('file-100000') ?? new Uint8Array()));
    while (sockets() > before) await new Promise((resolve) => setImmediate(resolve));
  });

  test('our own client reads with windows of many blocks', async () => {
    const server = { address: serverAddress, port };
    for (const [windowSize, blockSize] of [
      [1, 512],
      [4, 1428],
      [64, 1428],
    ] as const) {
      const got = await download({ server, fileName: 'file-33555132', blockSize, windowSize });
      assert.ok(Buffer.from(got).equals(files.get('file-33555132') ?? new Uint8Array()), `windows of ${windowSize}`);
    }
    await assert.rejects(download({ server, fileName: 'missing' }), { code: 'TFTP_FILE_NOT_FOUND' });
  });

  test('Wireshark finds nothing wrong with what both our ends send', async (t) => {
    if (!requires(t, 'tshark')) return;
    const from = { address: dnsmasqAddress, port: 2000 };
    const file = {
      size: 1100,
      read: (offset: number, length: number) => content(1100).subarray(offset, offset + length),
    };
    const server = new TftpServer({ open: (name) => (name === 'file' ? file : undefined) });
    const reader = new ReadClient({ server: { address: serverAddress, port: 69 }, fileName: 'file', blockSize: 512 });
    const toServer = reader.start(0).flatMap((action) => (action.type === 'send' ? [action.data] : []));
    const answer = await server.receive(toServer[0] ?? new Uint8Array(), from);
    const refusal = await server.receive(encodePacket({ ...request, fileName: 'other' }), from);
    assert.ok(answer.type === 'transfer' && refusal.type === 'refused');
    const { transfer } = answer.accepted;
    const toClient = [refusal.data, ...transfer.start(0)];
    for (let at = 1; at < toClient.length; at++) {
      for (const action of reader.receive(toClient[at] ?? new Uint8Array(), { address: serverAddress, port: 69 }, 0)) {
        if (action.type !== 'send') continue;
        toServer.push(action.data);
        toClient.push(...transfer.receive(action.data, 0));
      }
    }
    assert.equal(transfer.outcome?.type, 'complete');
    const opcodes = (file: PacketFile) => file.fields('tftp', 'tftp.opcode').join(' ');
    const asked = new PacketFile(t, toServer, { from: 2000, to: 69 });
    assert.deepEqual([asked.complaints(), opcodes(asked)], [[], '1 4 4']);
    const given = new PacketFile(t, toClient, { from: 69, to: 2000 });
    assert.deepEqual([given.complaints(), opcodes(given)], [[], '5 6 3 3 3']);
  });

  test('our client reads from dnsmasq', async (t) => {
    if (!requires(t, 'dnsmasq', root)) return;
    const names = [...files.keys()].filter((name) => (files.get(name)?.length ?? 0) < 1e6);
    for (const name of names) writeFileSync(join(folder, name), files.get(name) ?? '');
    const quiet = [
      '--conf-file=/dev/null',
      '--no-daemon',
      '--user=root',
      '--port=0',
      '--no-hosts',
      '--bind-interfaces',
    ];
    const tftp = ['--enable-tftp', `--tftp-root=${folder}`, `--listen-address=${dnsmasqAddress}`];
    const child = spawn('dnsmasq', [...quiet, ...tftp], { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      for await (const chunk of child.stderr) if (String(chunk).includes('TFTP root')) break;
      const server = { address: dnsmasqAddress, port: 69 };
      for (const name of names) {
        const got = await download({ server, fileName: name });
        assert.ok(Buffer.from(got).equals(files.get(name) ?? new Uint8Array()), name);
      }
      await assert.rejects(download({ server, fileName: 'missing' }), { code: 'TFTP_FILE_NOT_FOUND' });
    } finally {
      await end(child);
    }
  });
});
