/**
 * What libiscsi, and QEMU by it, negotiate at login with `diskless target`: CHAP, by libiscsi in both directions, and by QEMU a digest
 * on headers, which libiscsi's own tools never insist on. Data digests and algorithms other than MD5 are not in Debian 12's libiscsi;
 * Linux shows those in `test/e2e/`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1 << 20;

const alice = { name: 'alice', secret: 'secret-of-alice' } as const;
const disk = { name: 'disk', secret: 'secret-of-the-disk' } as const;

/** A target of 8 MiB that asks for proof, and gives it. */
function startTarget(t: TestContext): Promise<TargetProgram> {
  const folder = temporaryDirectory(t);
  const image = join(folder, 'disk.img');
  writeFileSync(image, new Uint8Array(8 * MIB));
  const chapFile = join(folder, 'chap');
  writeFileSync(chapFile, `initiator ${alice.name} ${alice.secret}\ntarget ${disk.name} ${disk.secret}\n`);
  chmodSync(chapFile, 0o600);
  return TargetProgram.start(image, '--chap-file', chapFile);
}

/** A way to the target that remembers what the target said. */
interface Relay extends AsyncDisposable {
  readonly portal: string;
  said(): string;
}

async function relayTo(target: TargetProgram): Promise<Relay> {
  const chunks: Buffer[] = [];
  const server = createServer((client) => {
    const connection = connect(target.port, '127.0.0.1');
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Either side may reset its connection; the other then learns of its end.
    pipeline(client, connection, client, () => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    portal: `127.0.0.1:${address.port}`,
    said: () => Buffer.concat(chunks).toString('latin1'),
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

async function run(program: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: Buffer.concat(output).toString() };
}

test('libiscsi proves who it is, and has the target prove itself', async (t) => {
  if (!requires(t, 'iscsi-inq')) return;
  await using target = await startTarget(t);
  const inquire = ({ secret, targetSecret }: { secret: string; targetSecret: string }) => {
    const keys = new URLSearchParams({
      target_user: disk.name,
      target_password: targetSecret,
      header_digest: 'crc32c',
    });
    return run('iscsi-inq', [`iscsi://${alice.name}%${secret}@${target.portal}/${PROGRAM_TARGET_NAME}/0?${keys}`]);
  };
  const right = { secret: alice.secret, targetSecret: disk.secret };
  const { code, output } = await inquire(right);
  assert.equal(code, 0, output);
  assert.match(output, /Vendor:DISKLESS/);
  const impostor = await inquire({ ...right, secret: 'secret-of-somebody' });
  assert.notEqual(impostor.code, 0);
  assert.match(impostor.output, /Authentication failure/i);
  const distrusted = await inquire({ ...right, targetSecret: 'secret-of-another-disk' });
  assert.notEqual(distrusted.code, 0);
  assert.match(distrusted.output, /Invalid CHAP_R response from the target/);
});

test('QEMU proves who it is, and checks a digest on headers', async (t) => {
  if (!requires(t, 'qemu-io')) return;
  await using target = await startTarget(t);
  await using relay = await relayTo(target);
  const address = `transport=tcp,portal=${relay.portal},target=${PROGRAM_TARGET_NAME},lun=0`;
  const session = `driver=iscsi,${address},user=${alice.name},password-secret=proof,header-digest=crc32c`;
  const qemuIo = (secret: string, ...commands: readonly string[]) =>
    run('qemu-io', [
      ...['--object', `secret,id=proof,data=${secret}`, '--image-opts', session],
      ...commands.flatMap((command) => ['-c', command]),
    ]);
  const written = await qemuIo(alice.secret, 'write -P 0x5a 4k 1M', 'flush', 'read -P 0x5a 4k 1M', 'read -P 0 0 4k');
  assert.equal(written.code, 0, written.output);
  assert.doesNotMatch(written.output, /failed/i);
  assert.match(relay.said(), /HeaderDigest=CRC32C\0/);
  const impostor = await qemuIo('secret-of-somebody', 'read 0 4k');
  assert.notEqual(impostor.code, 0);
  assert.match(impostor.output, /Authentication failure/i);
});
