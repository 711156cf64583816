/**
 * A machine with a disk, a page cache and processes that can be killed, for tests of what survives what.
 *
 * - A kill ends the process: what it wrote is in the page cache and stays; what it waited for never comes.
 * - A power cut also loses the page cache. Of every 512-byte sector that was written since its file was last synced, any one of the
 *   versions survives, or the old one; the same for the size, and any subset of names made, renamed and removed since then. The
 *   machine starts again with another boot id.
 *
 * Operations in the background (`sync`, `read`, ...) wait until the test completes them, in any order.
 */

import { DisklessError } from '../../src/bytes/index.ts';
import type { File, FileExtent, FileStatus, FileSystem, OpenMode } from '../../src/os/file.ts';
import type { Random } from './random.ts';

const SECTOR = 512;
const PAGE = 4096;

/** What a dead process raises from every operation. */
export class ProcessEnded extends Error {}

export type Operation = 'write' | 'truncate' | 'punch' | 'sync' | 'read' | 'create' | 'rename' | 'remove';

interface Version<T> {
  readonly sequence: number;
  readonly value: T;
}

/** A file's content: in the page cache, and on the disk. */
class Inode {
  cached: Uint8Array = new Uint8Array(0);
  onDisk: Uint8Array = new Uint8Array(0);
  readonly sectors = new Map<number, Version<Uint8Array>[]>();
  sizes: Version<number>[] = [];
  lockedBy: SimulatedFile | undefined;
  modified = 0n;

  touch(sequence: number, offset: number, length: number): void {
    this.modified = BigInt(sequence);
    const end = Math.ceil((offset + length) / SECTOR);
    for (let sector = Math.floor(offset / SECTOR); sector < end; sector++) {
      const versions = this.sectors.get(sector) ?? [];
      versions.push({ sequence, value: this.sector(sector) });
      this.sectors.set(sector, versions);
    }
  }

  sector(index: number): Uint8Array {
    const bytes = new Uint8Array(SECTOR);
    bytes.set(this.cached.subarray(index * SECTOR, (index + 1) * SECTOR));
    return bytes;
  }

  resize(sequence: number, size: number): void {
    const old = this.cached;
    this.cached = new Uint8Array(size);
    this.cached.set(old.subarray(0, size));
    this.sizes.push({ sequence, value: size });
    if (size < old.length) this.touch(sequence, size, old.length - size);
    this.modified = BigInt(sequence);
  }

  /** Everything up to `sequence` is on the disk. */
  settle(sequence: number): void {
    const size = lastUpTo(this.sizes, sequence);
    this.sizes = this.sizes.filter((version) => version.sequence > sequence);
    if (size !== undefined) this.onDisk = resized(this.onDisk, size);
    for (const [index, versions] of this.sectors) {
      const bytes = lastUpTo(versions, sequence);
      if (bytes !== undefined) this.#store(index, bytes);
      const later = versions.filter((version) => version.sequence > sequence);
      if (later.length > 0) this.sectors.set(index, later);
      else this.sectors.delete(index);
    }
  }

  powerCut(random: Random): void {
    const size = random.pick([this.onDisk.length, ...this.sizes.map((version) => version.value)]);
    const largest = Math.max(this.onDisk.length, ...this.sizes.map((version) => version.value));
    this.onDisk = resized(this.onDisk, largest);
    for (const [index, versions] of this.sectors) {
      const survivor = random.below(versions.length + 1);
      const version = versions[survivor];
      if (version !== undefined) this.#store(index, version.value);
    }
    this.onDisk = resized(this.onDisk, size);
    this.cached = this.onDisk.slice();
    this.sectors.clear();
    this.sizes = [];
    this.lockedBy = undefined;
  }

  #store(index: number, bytes: Uint8Array): void {
    const start = index * SECTOR;
    if (start < this.onDisk.length) this.onDisk.set(bytes.subarray(0, this.onDisk.length - start), start);
  }
}

function lastUpTo<T>(versions: readonly Version<T>[], sequence: number): T | undefined {
  return versions.findLast((version) => version.sequence <= sequence)?.value;
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
}

type Names = Map<string, Inode>;

export class SimulatedMachine {
  readonly random: Random;
  /** Called before an operation: gives the error that it is to fail with. */
  fault: ((operation: Operation, path: string) => DisklessError | undefined) | undefined;
  /** Asked before a write: whether it waits for the test to complete it, as on a disk that is not quick. */
  writesLater: () => boolean = () => false;
  #names: Names = new Map();
  #namesOnDisk: Names = new Map();
  #nameChanges: Version<(names: Names) => void>[] = [];
  #sequence = 0;
  #boots = 1;
  #process: SimulatedProcess;
  #background: { readonly process: SimulatedProcess; readonly finish: () => void }[] = [];
  /** Changes left until the process dies in the middle of one. */
  #changesLeft: number | undefined;

  constructor(random: Random) {
    this.random = random;
    this.#process = new SimulatedProcess(this);
  }

  /** The file system as the running process sees it. */
  get fileSystem(): FileSystem {
    return this.#process;
  }

  get bootId(): string {
    return `boot-${this.#boots}`;
  }

  get alive(): boolean {
    return this.#process.alive;
  }

  /** The process dies at its n-th change from now (0: the next one), which may be half done then. */
  dieAfter(changes: number | undefined): void {
    this.#changesLeft = changes;
  }

  /** Ends the process and starts another. */
  kill(): void {
    this.#process.alive = false;
    this.#background = [];
    this.#changesLeft = undefined;
    for (const inode of this.#names.values()) inode.lockedBy = undefined;
    this.#process = new SimulatedProcess(this);
  }

  powerCut(): void {
    this.kill();
    for (const change of this.#nameChanges) if (this.random.oneIn(2)) change.value(this.#namesOnDisk);
    this.#nameChanges = [];
    this.#names = new Map(this.#namesOnDisk);
    for (const inode of new Set(this.#names.values())) inode.powerCut(this.random);
    this.#boots++;
  }

  get waiting(): number {
    return this.#background.length;
  }

  /** Finishes one of the operations that wait, and lets what hangs on it run. */
  async completeOne(): Promise<void> {
    const [operation] = this.#background.splice(this.random.below(this.#background.length), 1);
    if (operation?.process.alive) operation.finish();
    await turn();
  }

  /** Finishes operations until none wait. */
  async settle(): Promise<void> {
    await turn();
    while (this.#background.length > 0) await this.completeOne();
  }

  /** Resolves with what `result` gives when the test completes it. Also for other things that answer later, such as devices. */
  later<T>(result: () => T): Promise<T> {
    const process = this.#process;
    return new Promise((resolve, reject) => {
      this.#background.push({
        process,
        finish: () => {
          try {
            resolve(result());
          } catch (error) {
            reject(error);
          }
        },
      });
    });
  }

  /** What a process does goes through here. False: the process dies before the change is whole. */
  change(process: SimulatedProcess, operation: Operation, path: string): boolean {
    if (!process.alive) throw new ProcessEnded();
    const error = this.fault?.(operation, path);
    if (error !== undefined) throw error;
    this.#sequence++;
    if (this.#changesLeft === undefined) return true;
    if (this.#changesLeft-- > 0) return true;
    process.alive = false;
    return false;
  }

  get sequence(): number {
    return this.#sequence;
  }

  find(path: string): Inode | undefined {
    return this.#names.get(path);
  }

  paths(): string[] {
    return [...this.#names.keys()];
  }

  changeNames(apply: (names: Names) => void): void {
    apply(this.#names);
    this.#nameChanges.push({ sequence: this.#sequence, value: apply });
  }

  /** The names as they are now reach the disk: done when the test completes it. */
  syncNames(): Promise<void> {
    const { sequence } = this;
    return this.later(() => {
      for (const change of this.#nameChanges) if (change.sequence <= sequence) change.value(this.#namesOnDisk);
      this.#nameChanges = this.#nameChanges.filter((change) => change.sequence > sequence);
    });
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class SimulatedProcess implements FileSystem {
  alive = true;
  readonly #machine: SimulatedMachine;

  constructor(machine: SimulatedMachine) {
    this.#machine = machine;
  }

  open(path: string, mode: OpenMode): File {
    const machine = this.#machine;
    let inode = machine.find(path);
    if (mode === 'create' || mode === 'create-private') {
      this.#change('create', path);
      if (inode !== undefined) {
        inode.resize(machine.sequence, 0);
      } else {
        const made = new Inode();
        machine.changeNames((names) => names.set(path, made));
        inode = made;
      }
    }
    if (inode === undefined) throw new DisklessError('FILE_NOT_FOUND', `no ${path}`);
    return new SimulatedFile(machine, this, inode, path);
  }

  status(path: string): FileStatus | undefined {
    const inode = this.#machine.find(path);
    if (inode === undefined) return undefined;
    const size = inode.cached.length;
    return { size, allocated: size, modified: inode.modified, mode: 0o600, kind: 'file' };
  }

  realPath(path: string): string {
    return path;
  }

  /** Directories are not simulated: every path can be made. */
  async makeDirectory(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    this.#change('rename', from);
    this.#machine.changeNames((names) => {
      const inode = names.get(from);
      if (inode === undefined) return;
      names.delete(from);
      names.set(to, inode);
    });
    await this.#machine.syncNames();
  }

  async remove(path: string): Promise<void> {
    this.#change('remove', path);
    this.#machine.changeNames((names) => names.delete(path));
    await this.#machine.syncNames();
  }

  list(path: string): string[] {
    const prefix = `${path}/`;
    const inside = this.#machine.paths().filter((name) => name.startsWith(prefix));
    return inside.map((name) => name.slice(prefix.length)).sort();
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#machine.later(() => {
      const inode = this.#machine.find(path);
      if (inode === undefined) throw new DisklessError('FILE_NOT_FOUND', `no ${path}`);
      return inode.cached.slice();
    });
  }

  bootId(): string {
    return this.#machine.bootId;
  }

  #change(operation: Operation, path: string): void {
    if (!this.#machine.change(this, operation, path)) throw new ProcessEnded();
  }
}

class SimulatedFile implements File {
  readonly #machine: SimulatedMachine;
  readonly #process: SimulatedProcess;
  readonly #inode: Inode;
  readonly #path: string;
  #closed = false;
  #syncFailure: DisklessError | undefined;

  constructor(machine: SimulatedMachine, process: SimulatedProcess, inode: Inode, path: string) {
    this.#machine = machine;
    this.#process = process;
    this.#inode = inode;
    this.#path = path;
  }

  size(): number {
    this.#check();
    return this.#inode.cached.length;
  }

  readSync(into: Uint8Array, offset: number): number {
    this.#check();
    const bytes = this.#inode.cached.subarray(offset, offset + into.length);
    into.set(bytes);
    return bytes.length;
  }

  /** All of it, some pages from its beginning, or nothing is in the page cache. */
  readNoWait(into: Uint8Array, offset: number): number {
    const { random } = this.#machine;
    const pages = random.below(Math.ceil(into.length / PAGE) + 1);
    const untilPage = Math.max(0, (Math.floor(offset / PAGE) + pages) * PAGE - offset);
    return this.readSync(into.subarray(0, random.oneIn(2) ? into.length : untilPage), offset);
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    this.#check();
    return this.#machine.later(() => {
      const error = this.#machine.fault?.('read', this.#path);
      if (error !== undefined) throw error;
      return this.readSync(into, offset);
    });
  }

  #write(data: Uint8Array, offset: number): void {
    this.#check();
    if (this.#machine.change(this.#process, 'write', this.#path)) {
      this.#store(data, offset);
      return;
    }
    // A killed process leaves whole pages of a write, from its beginning.
    const pages = this.#machine.random.below(Math.ceil(data.length / PAGE) + 1);
    const untilPage = (Math.floor(offset / PAGE) + pages) * PAGE - offset;
    this.#store(data.subarray(0, Math.max(0, untilPage)), offset);
    throw new ProcessEnded();
  }

  #store(data: Uint8Array, offset: number): void {
    const end = offset + data.length;
    if (data.length === 0) return;
    if (end > this.#inode.cached.length) this.#inode.resize(this.#machine.sequence, end);
    this.#inode.cached.set(data, offset);
    this.#inode.touch(this.#machine.sequence, offset, data.length);
  }

  writev(data: readonly Uint8Array[], offset: number): void | Promise<void> {
    return this.#machine.writesLater()
      ? this.write(Buffer.concat(data), offset)
      : this.#write(Buffer.concat(data), offset);
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    this.#check();
    return this.#machine.later(() => this.#write(data, offset));
  }

  async sync(): Promise<void> {
    this.#check();
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    const { sequence } = this.#machine;
    const error = this.#machine.fault?.('sync', this.#path);
    await this.#machine.later(() => {
      if (error === undefined) this.#inode.settle(sequence);
    });
    this.#syncFailure = error;
    if (error !== undefined) throw error;
  }

  truncate(size: number): void {
    this.#check();
    if (!this.#machine.change(this.#process, 'truncate', this.#path)) throw new ProcessEnded();
    this.#inode.resize(this.#machine.sequence, size);
  }

  punchHole(offset: number, length: number): void | Promise<void> {
    this.#check();
    return this.#machine.writesLater()
      ? this.#machine.later(() => this.#punch(offset, length))
      : this.#punch(offset, length);
  }

  #punch(offset: number, length: number): void {
    if (!this.#machine.change(this.#process, 'punch', this.#path)) throw new ProcessEnded();
    this.#inode.cached.fill(0, offset, offset + length);
    this.#inode.touch(this.#machine.sequence, offset, length);
  }

  async extents(offset: number, length: number): Promise<FileExtent[]> {
    this.#check();
    return this.#machine.later(() => this.#extents(offset, length));
  }

  /** Pages of zeros are holes. */
  #extents(offset: number, length: number): FileExtent[] {
    this.#check();
    const result: { offset: number; length: number; hole: boolean }[] = [];
    const end = Math.min(offset + length, this.#inode.cached.length);
    for (let at = offset; at < end; ) {
      const next = Math.min(end, (Math.floor(at / PAGE) + 1) * PAGE);
      const hole = this.#inode.cached.subarray(at, next).every((byte) => byte === 0);
      const last = result.at(-1);
      if (last?.hole === hole) last.length += next - at;
      else result.push({ offset: at, length: next - at, hole });
      at = next;
    }
    if (end < offset + length) result.push({ offset: end, length: offset + length - end, hole: true });
    return result;
  }

  lock(): void {
    this.#check();
    if (this.#inode.lockedBy !== undefined && this.#inode.lockedBy !== this) {
      throw new DisklessError('FILE_LOCKED', `${this.#path} is in use already`);
    }
    this.#inode.lockedBy = this;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inode.lockedBy === this) this.#inode.lockedBy = undefined;
  }

  #check(): void {
    if (!this.#process.alive) throw new ProcessEnded();
    if (this.#closed) throw new DisklessError('FILE_CLOSED', `${this.#path} was closed`);
  }
}
