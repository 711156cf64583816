import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { DisklessError } from '../../src/bytes/index.ts';
import { DiskPace, QUICK_OPERATION, SLOW_TIME } from '../../src/os/disk-pace.ts';
import type { File, OpenMode } from '../../src/os/file.ts';
import { NodeFile } from '../../src/os/node-file.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { POOL_SHARE } from '../../src/os/pool-share.ts';
import { MANY_WRITES, TimedFiles } from '../../src/os/timed-files.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedFileTime } from '../support/simulated-file-time.ts';
import { SimulatedTimeGiver } from '../support/simulated-time-giver.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1024 * 1024;

function open(t: TestContext, path: string, mode: OpenMode): File {
  const file = nodeFileSystem.open(path, mode);
  t.after(() => file.close());
  return file;
}

const withCode = (code: string) => (error: unknown) => error instanceof DisklessError && error.code === code;

/** Files on one disk, which is quick and gives each file its time at once. */
function disk(t: TestContext, isPageCached = true) {
  const directory = temporaryDirectory(t);
  const clock = new SimulatedClock();
  const time = new SimulatedFileTime();
  const giver = new SimulatedTimeGiver();
  const pace = new DiskPace(clock, { areFew: () => true });
  const timedFiles = new TimedFiles(time, giver, pace);
  const made = (name: string, mode = 'w+'): NodeFile => {
    const file = new NodeFile(join(directory, name), openSync(join(directory, name), mode), {
      pace,
      timedFiles,
      isPageCached,
    });
    t.after(() => file.close());
    return file;
  };
  return { directory, clock, time, giver, pace, made };
}

const page = (fill: number): Buffer[] => [Buffer.alloc(4096, fill)];

/** Writes so often that the next write of the tick is made in the loop. */
async function writeOften(file: NodeFile): Promise<void> {
  for (let write = 0; write < MANY_WRITES; write++) await file.writev(page(0), 0);
}

test('a private file is its owner’s alone, also where others could read the old one', (t) => {
  const path = join(temporaryDirectory(t), 'file');
  writeFileSync(path, 'old', { mode: 0o644 });
  assert.equal(open(t, path, 'create-private').size(), 0);
  assert.equal(nodeFileSystem.status(path)?.mode, 0o600);
  open(t, `${path}.new`, 'create-private');
  assert.equal(nodeFileSystem.status(`${path}.new`)?.mode, 0o600);
});

test('what is written in several ways is read in several ways', async (t) => {
  const file = open(t, join(temporaryDirectory(t), 'file'), 'create');
  await file.writev([Buffer.from('one ')], 0);
  await file.writev([Buffer.from('two '), Buffer.from('three ')], 4);
  await file.write(Buffer.from('four'), 14);
  assert.equal(file.size(), 18);
  const whole = Buffer.alloc(20);
  assert.equal(file.readSync(whole, 0), 18);
  assert.equal(whole.toString('latin1', 0, 18), 'one two three four');
  const middle = Buffer.alloc(9);
  assert.equal(await file.read(middle, 4), 9);
  assert.equal(middle.toString(), 'two three');
  assert.equal(await file.read(Buffer.alloc(9), 14), 4, 'a read across the end gives what there is');
});

test('a read without waiting gives what the page cache has, and the right bytes', async (t) => {
  const file = open(t, join(temporaryDirectory(t), 'file'), 'create');
  const content = Buffer.from(Array.from({ length: 64 * 1024 }, (_, index) => index % 251));
  await file.writev([content], 0);
  const into = Buffer.alloc(10_000);
  const count = file.readNoWait(into, 1234);
  assert.equal(count, 10_000, 'just written, so in the page cache');
  assert.deepEqual(into, content.subarray(1234, 11_234));
  assert.equal(file.readNoWait(into, content.length - 5), 5, 'short at the end of the file');
});

test('more buffers than one system call takes are all written', async (t) => {
  const file = open(t, join(temporaryDirectory(t), 'file'), 'create');
  const buffers = Array.from({ length: 3000 }, (_, index) => Uint8Array.of(index & 255, index >> 8));
  await file.writev(buffers, 7);
  const all = Buffer.alloc(6000);
  assert.equal(file.readSync(all, 7), 6000);
  assert.deepEqual(all, Buffer.concat(buffers));
});

test('on a disk that is not quick the same is written by the thread pool, and a hole is made there', async (t) => {
  const { directory, clock, pace, made } = disk(t);
  const path = join(directory, 'file');
  pace.enterPool(false);
  clock.advance(QUICK_OPERATION);
  const file = made('file');
  const promised = async (work: void | Promise<void>): Promise<void> => {
    assert(work instanceof Promise);
    await work;
  };
  const buffers = Array.from({ length: 3000 }, (_, index) => Buffer.alloc(400, index % 251 || 1));
  await promised(file.writev(buffers, 7));
  const expected = Buffer.concat([Buffer.alloc(7), ...buffers]);
  assert.deepEqual(readFileSync(path), expected);
  const before = nodeFileSystem.status(path)?.allocated ?? 0;
  await promised(file.punchHole(64 * 1024, 512 * 1024));
  expected.fill(0, 64 * 1024, 576 * 1024);
  assert.deepEqual(readFileSync(path), expected);
  assert((nodeFileSystem.status(path)?.allocated ?? 0) <= before - 512 * 1024);
  const last = promised(file.writev([Buffer.from('last')], 0));
  await file.close();
  await last;
  assert.equal(readFileSync(path).toString('latin1', 0, 4), 'last', 'closing waits for it');
});

test('a file that has the time of this tick is written in the loop, one that cannot get it in the pool', async (t) => {
  const { time, giver, made } = disk(t);
  const file = made('file');
  const first = file.writev(page(1), 0);
  assert(first instanceof Promise);
  await first;
  await writeOften(file);
  assert.equal(file.writev(page(2), 4096), undefined);
  assert.equal(giver.calls.length, 1);
  time.now = undefined;
  const late = file.writev(page(3), 8192);
  assert(late instanceof Promise, 'the tick may be over');
  await late;
  time.now = 1;
  giver.isQuick = false;
  const hanging = file.writev(page(4), 12_288);
  assert(hanging instanceof Promise);
  await hanging;
  let isClosed = false;
  const closed = file.close().then(() => {
    isClosed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert(!isClosed, 'its descriptor is still in use');
  giver.goOn();
  await closed;
});

test('a write of part of a page that is not in the page cache goes to the pool, as the rest is read first', async (t) => {
  const { directory, made } = disk(t);
  const path = join(directory, 'file');
  writeFileSync(path, Buffer.alloc(MIB, 9));
  const file = made('file', 'r+');
  const forget = ['if=/dev/null', `of=${path}`, 'count=0', 'conv=notrunc,fdatasync', 'oflag=nocache'];
  assert.equal(spawnSync('dd', forget).status, 0);
  await writeOften(file);
  assert.equal(file.writev(page(1), 0), undefined);
  assert.equal(file.writev([Buffer.from('at hand')], 100), undefined);
  assert.equal(file.writev(page(1), 4096), undefined, 'nothing is left of a page that is written whole');
  const part = file.writev([Buffer.alloc(1024)], MIB / 2 - 512);
  assert(part instanceof Promise);
  await part;
  assert.equal(file.writev([Buffer.alloc(1024)], MIB / 2 - 512), undefined);
});

test('where a file system may always wait for somebody else all is read and written in the pool', async (t) => {
  const { giver, made } = disk(t, false);
  const file = made('file');
  await writeOften(file);
  const written = file.writev(page(1), 0);
  assert(written instanceof Promise);
  await written;
  assert.deepEqual(giver.calls, []);
  const into = Buffer.alloc(4096);
  assert.equal(file.readNoWait(into, 0), 0);
  assert.equal(await file.read(into, 0), 4096);
  assert.deepEqual([into], page(1));
});

test('the page cache is not asked while much is under way: what it has not would be asked of the disk', async (t) => {
  const { made } = disk(t);
  const [one, other] = [made('one'), made('other')] as const;
  await one.writev(page(1), 0);
  await other.writev(page(1), 0);
  const into = Buffer.alloc(4096);
  const reads = Array.from({ length: POOL_SHARE }, () => one.read(Buffer.alloc(4096), 0));
  assert.equal(one.readNoWait(into, 0), 0, 'of this file');
  assert.equal(other.readNoWait(into, 0), 4096);
  await Promise.all(reads);
  assert.equal(one.readNoWait(into, 0), 4096);
});

test('files on one disk learn from each other that it is slow', async (t) => {
  const { clock, made } = disk(t);
  const [one, other] = [made('one'), made('other')] as const;
  await writeOften(one);
  await writeOften(other);
  assert.equal(one.writev(page(1), 0), undefined);
  assert.equal(other.writev(page(1), 0), undefined);
  const out = one.write(Buffer.alloc(4096), 0);
  clock.advance(QUICK_OPERATION);
  const slow = other.writev(page(2), 0);
  assert(slow instanceof Promise);
  await Promise.all([out, slow]);
  clock.advance(SLOW_TIME);
  assert.equal(other.writev(page(3), 0), undefined);
});

test('a punched hole reads as zeros, frees its blocks, and shows in the extents', async (t) => {
  const path = join(temporaryDirectory(t), 'file');
  const file = open(t, path, 'create');
  await file.writev([Buffer.alloc(4 * MIB, 1)], 0);
  const before = nodeFileSystem.status(path)?.allocated ?? 0;
  await file.punchHole(MIB, 2 * MIB);
  assert.equal(file.size(), 4 * MIB);
  const into = Buffer.alloc(2 * MIB, 9);
  file.readSync(into, MIB);
  assert(into.every((byte) => byte === 0));
  assert((nodeFileSystem.status(path)?.allocated ?? 0) <= before - 2 * MIB);
  assert.deepEqual(await file.extents(0, 4 * MIB), [
    { offset: 0, length: MIB, hole: false },
    { offset: MIB, length: 2 * MIB, hole: true },
    { offset: 3 * MIB, length: MIB, hole: false },
  ]);
  assert.deepEqual(await file.extents(MIB + 4096, 8192), [{ offset: MIB + 4096, length: 8192, hole: true }]);
});

test('extents cover every range that is asked for, without gap or overlap', async (t) => {
  const file = open(t, join(temporaryDirectory(t), 'file'), 'create');
  file.truncate(MIB);
  for (const at of [3, 4, 5, 60, 100, 255]) await file.writev([Buffer.alloc(4096, 1)], at * 4096);
  await fc.assert(
    fc.asyncProperty(fc.nat(MIB - 1), fc.integer({ min: 1, max: MIB }), async (offset, wanted) => {
      const length = Math.min(wanted, MIB - offset);
      let at = offset;
      for (const extent of await file.extents(offset, length)) {
        assert.equal(extent.offset, at);
        assert(extent.length > 0);
        const content = Buffer.alloc(extent.length);
        file.readSync(content, extent.offset);
        assert.equal(extent.hole, !content.includes(1));
        at += extent.length;
      }
      assert.equal(at, offset + length);
    }),
    { numRuns: 50 },
  );
});

test('a lock keeps another opening and another process out until it is given back', async (t) => {
  const path = join(temporaryDirectory(t), 'file');
  const child = spawn(process.execPath, [
    '-e',
    `const { nodeFileSystem } = await import(${JSON.stringify(import.meta.resolve('../../src/os/node-file-system.ts'))});
     nodeFileSystem.open(${JSON.stringify(path)}, 'create').lock();
     console.log('locked');
     setInterval(() => {}, 1000);`,
    '--input-type=module',
  ]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const file = open(t, path, 'write');
  assert.throws(() => file.lock(), withCode('FILE_LOCKED'));
  child.kill('SIGKILL');
  await once(child, 'exit');
  file.lock();
  const second = open(t, path, 'write');
  assert.throws(() => second.lock(), withCode('FILE_LOCKED'));
  await file.close();
  second.lock();
});

test('a closed file raises, closing waits for what is under way, and closing twice is harmless', async (t) => {
  const path = join(temporaryDirectory(t), 'file');
  const file = open(t, path, 'create');
  let written = false;
  const writing = file.write(Buffer.alloc(MIB, 3), 0).then(() => {
    written = true;
  });
  await Promise.all([file.close(), file.close()]);
  assert(written, 'the write was done before the file was closed');
  await writing;
  assert.equal(statSync(path).size, MIB);
  assert.throws(() => file.readSync(Buffer.alloc(1), 0), withCode('FILE_CLOSED'));
  assert.throws(() => file.readNoWait(Buffer.alloc(1), 0), withCode('FILE_CLOSED'));
  assert.throws(() => file.writev([Buffer.alloc(1)], 0), withCode('FILE_CLOSED'));
  await assert.rejects(async () => file.punchHole(0, 1), withCode('FILE_CLOSED'));
  await assert.rejects(() => file.sync(), withCode('FILE_CLOSED'));
  await assert.rejects(() => file.extents(0, 1), withCode('FILE_CLOSED'));
});

test('each kind of trouble has its code', async (t) => {
  const directory = temporaryDirectory(t);
  assert.throws(() => nodeFileSystem.open(join(directory, 'none'), 'read'), withCode('FILE_NOT_FOUND'));
  assert.throws(() => nodeFileSystem.open(join(directory, 'none'), 'write'), withCode('FILE_NOT_FOUND'));
  assert.throws(() => nodeFileSystem.open(directory, 'write'), withCode('FILE_IS_DIRECTORY'));
  writeFileSync(join(directory, 'file'), 'x');
  assert.throws(() => nodeFileSystem.open(join(directory, 'file', 'below'), 'read'), withCode('FILE_NOT_FOUND'));
  await assert.rejects(nodeFileSystem.makeDirectory(join(directory, 'file')), withCode('FILE_EXISTS'));
  await assert.rejects(nodeFileSystem.readFile(join(directory, 'none')), withCode('FILE_NOT_FOUND'));
  const readOnly = open(t, join(directory, 'file'), 'read');
  const writing = async () => readOnly.writev([Buffer.alloc(1)], 0);
  await assert.rejects(writing, withCode('FILE_CLOSED'), 'EBADF: not open for writing');
  if (process.getuid?.() !== 0) {
    chmodSync(join(directory, 'file'), 0);
    assert.throws(() => nodeFileSystem.open(join(directory, 'file'), 'read'), withCode('FILE_FORBIDDEN'));
  }
});

test('a full disk is told from other trouble', async (t) => {
  // The kernel's own full disk.
  const full = open(t, '/dev/full', 'write');
  await assert.rejects(async () => full.writev([Buffer.alloc(4096)], 0), withCode('FILE_NO_SPACE'));
});

test('names: status, real path, list, rename over another, remove', async (t) => {
  const directory = temporaryDirectory(t);
  await nodeFileSystem.makeDirectory(join(directory, 'a/b/c'));
  await nodeFileSystem.makeDirectory(join(directory, 'a/b/c'));
  assert(statSync(join(directory, 'a/b/c')).isDirectory());
  writeFileSync(join(directory, 'old'), 'old');
  writeFileSync(join(directory, 'new'), 'newer');
  symlinkSync('new', join(directory, 'link'));
  assert.equal(nodeFileSystem.realPath(join(directory, 'link')), join(nodeFileSystem.realPath(directory), 'new'));
  assert.deepEqual(nodeFileSystem.list(directory), ['a', 'link', 'new', 'old']);
  await nodeFileSystem.rename(join(directory, 'new'), join(directory, 'old'));
  assert.equal(readFileSync(join(directory, 'old'), 'latin1'), 'newer');
  assert.equal(nodeFileSystem.status(join(directory, 'new')), undefined);
  const status = nodeFileSystem.status(join(directory, 'old'));
  assert.equal(status?.kind, 'file');
  assert.equal(status.size, 5);
  assert.equal(nodeFileSystem.status(directory)?.kind, 'directory');
  assert.equal(nodeFileSystem.status('/dev/null')?.kind, 'other');
  await nodeFileSystem.remove(join(directory, 'old'));
  await nodeFileSystem.remove(join(directory, 'old'));
  assert.equal(nodeFileSystem.status(join(directory, 'old')), undefined);
});

test('the boot id is that of the kernel, the same in every process', () => {
  assert.equal(nodeFileSystem.bootId(), readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
});
