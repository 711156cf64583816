/** A file of the operating system, by node:fs and a few direct calls (file-calls.ts). */

import {
  close,
  fdatasync,
  fstatSync,
  ftruncateSync,
  read as readFile,
  readSync,
  write as writeFile,
  writeSync,
  writev as writevFile,
  writevSync,
} from 'node:fs';
import { DisklessError, totalLength } from '../bytes/index.ts';
import type { DiskPace } from './disk-pace.ts';
import type { File, FileExtent } from './file.ts';
import { fileCalls } from './file-calls.ts';
import { fileError } from './file-error.ts';
import { PoolShare } from './pool-share.ts';
import { TimedFile, type TimedFiles } from './timed-files.ts';

const EAGAIN = 11;
const EWOULDBLOCK = 11;
const ENXIO = 6;
/** Written where a hole cannot be made. */
const zeros = new Uint8Array(64 * 1024);
const oneByte = new Uint8Array(1);
const PAGE_SIZE = fileCalls?.pageSize ?? 4096;

/** What a file has in common with the others on its disk. */
export interface Disk {
  readonly pace: DiskPace;
  readonly timedFiles: TimedFiles;
  /** Whether what the page cache has is read, and what it takes is written, without asking anybody else. */
  readonly isPageCached: boolean;
}

export class NodeFile implements File {
  readonly #path: string;
  /** -1 once closed: a number of the kernel's is soon another file's. */
  #fd: number;
  /** Operations in the thread pool, or waiting for it; the descriptor stays open for them. */
  #underway = 0;
  readonly #share = new PoolShare();
  readonly #pace: DiskPace;
  readonly #timedFiles: TimedFiles;
  readonly #timedFile: TimedFile;
  readonly #isPageCached: boolean;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #syncFailure: DisklessError | undefined;
  /** False once the file system said that it has no holes, or cannot read without waiting. */
  #holes = fileCalls !== undefined;
  #noWait = fileCalls !== undefined;

  /** `disk` is what the file is on. */
  constructor(path: string, fd: number, { pace, timedFiles, isPageCached }: Disk) {
    this.#path = path;
    this.#fd = fd;
    this.#pace = pace;
    this.#timedFiles = timedFiles;
    this.#timedFile = new TimedFile(fd);
    this.#isPageCached = isPageCached;
  }

  size(): number {
    return this.#attempt('measure', () => {
      const stat = fstatSync(this.#fd);
      if (!stat.isBlockDevice()) return stat.size;
      const end = fileCalls?.seekEnd(this.#fd) ?? -1;
      if (end < 0) throw new Error('the size of a block device is not known here');
      return end;
    });
  }

  readSync(into: Uint8Array, offset: number): number {
    this.#checkOpen('read');
    try {
      let done = 0;
      while (done < into.length) {
        const count = readSync(this.#fd, into, done, into.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    } catch (error) {
      throw fileError(error, 'read', this.#path);
    }
  }

  readNoWait(into: Uint8Array, offset: number): number {
    this.#checkOpen('read');
    if (!this.#isPageCached) return 0;
    if (!this.#noWait || fileCalls === undefined) return this.readSync(into, offset);
    // What is not at hand is asked of the disk all the same, and where too much is asked for already, asking has to wait.
    if (this.#share.isFull || this.#pace.hasMuchToDo) return 0;
    const result = fileCalls.readNoWait(this.#fd, into, offset);
    if (result >= 0) return result;
    if (result === -EAGAIN) return 0;
    // EOPNOTSUPP, EINVAL: a file system (such as tmpfs) or kernel without the flag. Real errors show up again in readSync.
    this.#noWait = false;
    return this.readSync(into, offset);
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    this.#checkOpen('read');
    let done = 0;
    while (done < into.length) {
      const count = await this.#pooled('read', (fd, finish) =>
        readFile(fd, into, done, into.length - done, offset + done, finish),
      );
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  writev(data: readonly Uint8Array[], offset: number): void | Promise<void> {
    this.#checkOpen('write');
    if (!this.#needsNoDisk(data, offset)) return this.#writeInPool(data, offset);
    const began = this.#pace.now();
    try {
      this.#writeNow(data, offset);
    } catch (error) {
      throw fileError(error, 'write', this.#path);
    } finally {
      this.#pace.wrote(began);
    }
  }

  /**
   * Whether the page cache takes a write without asking the disk for anything: pages that are written in part are there, and the file
   * has the time of this tick already.
   */
  #needsNoDisk(data: readonly Uint8Array[], offset: number): boolean {
    return (
      this.#isPageCached &&
      this.#pace.isQuick &&
      this.#areEdgesAtHand(offset, offset + totalLength(data)) &&
      this.#timedFiles.hasTime(this.#timedFile)
    );
  }

  /** Whether what a write leaves of the pages at its beginning and end is in the page cache. */
  #areEdgesAtHand(start: number, end: number): boolean {
    const isEndWhole = end % PAGE_SIZE === 0;
    if (start % PAGE_SIZE !== 0) {
      if (!this.#isAtHand(start)) return false;
      if (Math.floor(start / PAGE_SIZE) === Math.floor(end / PAGE_SIZE)) return true;
    }
    return isEndWhole || this.#isAtHand(end);
  }

  #isAtHand(offset: number): boolean {
    return this.readNoWait(oneByte, offset) === 1;
  }

  #writeNow(data: readonly Uint8Array[], offset: number): void {
    const [only] = data;
    if (data.length === 1 && only !== undefined) {
      this.#writeWhole(only, offset);
      return;
    }
    const written = writevSync(this.#fd, data, offset);
    if (written === totalLength(data)) return;
    // A short write (a signal, a disk that is getting full): the rest one by one, so that the reason shows.
    for (const rest of remainders(data, written)) this.#writeWhole(rest.bytes, offset + rest.at);
  }

  #writeWhole(data: Uint8Array, offset: number): void {
    let done = 0;
    while (done < data.length) done += writeSync(this.#fd, data, done, data.length - done, offset + done);
  }

  async #writeInPool(data: readonly Uint8Array[], offset: number): Promise<void> {
    const written = await this.#pooled('write', (fd, finish) => writevFile(fd, data, offset, finish));
    for (const rest of remainders(data, written)) await this.#writeWholeInPool(rest.bytes, offset + rest.at);
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    this.#checkOpen('write');
    await this.#writeWholeInPool(data, offset);
  }

  async #writeWholeInPool(data: Uint8Array, offset: number): Promise<void> {
    let done = 0;
    while (done < data.length) {
      done += await this.#pooled('write', (fd, finish) =>
        writeFile(fd, data, done, data.length - done, offset + done, finish),
      );
    }
  }

  async sync(): Promise<void> {
    this.#checkOpen('sync');
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    try {
      await this.#pooled('sync', (fd, finish) => fdatasync(fd, (error) => finish(error, 0)));
    } catch (error) {
      const failure = fileError(error, 'sync', this.#path);
      if (failure.code !== 'FILE_CLOSED') this.#syncFailure = failure;
      throw failure;
    }
  }

  truncate(size: number): void {
    this.#attempt('resize', () => ftruncateSync(this.#fd, size));
  }

  /** A hole changes what the file system keeps of the file, and that may wait for the disk. */
  async punchHole(offset: number, length: number): Promise<void> {
    this.#checkOpen('write');
    if (length === 0) return;
    const calls = fileCalls;
    if (this.#holes && calls !== undefined) {
      const done = await this.#pooled('write', (fd, finish) =>
        calls.punchHoleInPool(fd, offset, length, (made) => finish(null, made ? 1 : 0)),
      );
      if (done === 1) return;
      this.#holes = false;
    }
    await this.#writeZeros(offset, length);
  }

  async #writeZeros(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; ) {
      const piece = zeros.subarray(0, Math.min(zeros.length, length - done));
      await this.#writeWholeInPool(piece, offset + done);
      done += piece.length;
    }
  }

  async extents(offset: number, length: number): Promise<FileExtent[]> {
    this.#checkOpen('look into');
    const result: FileExtent[] = [];
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const data = await this.#seek('seekDataInPool', at, end);
      if (data > at) result.push({ offset: at, length: data - at, hole: true });
      if (data >= end) break;
      const hole = await this.#seek('seekHoleInPool', data, end);
      // A hole that was made at this place since is found by the next search.
      if (hole > data) result.push({ offset: data, length: hole - data, hole: false });
      at = hole;
    }
    return result;
  }

  /** Where the next data or hole begins, at most `end`. A file that cannot say is all data. */
  async #seek(call: 'seekDataInPool' | 'seekHoleInPool', offset: number, end: number): Promise<number> {
    const calls = fileCalls;
    const allData = call === 'seekDataInPool' ? offset : end;
    if (calls === undefined) return allData;
    const result = await this.#pooled('look into', (fd, finish) =>
      calls[call](fd, offset, (found) => finish(null, found)),
    );
    if (result === -ENXIO) return end; // nothing of the kind up to the end of the file
    return result < 0 ? allData : Math.min(result, end);
  }

  lock(kind: 'exclusive' | 'shared' = 'exclusive'): void {
    const result = fileCalls?.lock(this.#fd, kind);
    if (result === undefined) {
      throw new DisklessError('FILE_LOCK_UNAVAILABLE', `${this.#path} cannot be locked on this system`, {
        hint: 'Locks need Linux and the koffi package.',
      });
    }
    if (result === -EWOULDBLOCK) {
      throw new DisklessError('FILE_LOCKED', `${this.#path} is in use already`, {
        hint: 'Is a second server running over the same data directory?',
      });
    }
    if (result < 0) throw fileError(new Error(`errno ${-result}`), 'lock', this.#path);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#timedFiles.leave(this.#timedFile);
    // What is under way may go on with another operation.
    while (this.#underway > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    const fd = this.#fd;
    this.#fd = -1;
    await new Promise<void>((resolve, reject) =>
      close(fd, (error) => (error === null ? resolve() : reject(fileError(error, 'close', this.#path)))),
    );
  }

  #checkOpen(tried: string): void {
    if (this.#closing !== undefined) throw this.#closed(tried);
  }

  #left(): void {
    this.#underway--;
    if (this.#underway === 0) this.#idle?.();
  }

  #attempt<T>(tried: string, operation: () => T): T {
    this.#checkOpen(tried);
    try {
      return operation();
    } catch (error) {
      throw fileError(error, tried, this.#path);
    }
  }

  #closed(tried: string): DisklessError {
    return new DisklessError('FILE_CLOSED', `cannot ${tried} ${this.#path}: it was closed`);
  }

  /** One operation in the thread pool, counted so that closing waits for it. */
  #pooled(
    tried: 'read' | 'write' | 'sync' | 'look into',
    start: (fd: number, finish: (error: Error | null, count: number) => void) => void,
  ): Promise<number> {
    const fd = this.#fd;
    if (fd < 0) return Promise.reject(this.#closed(tried));
    this.#underway++;
    return new Promise((resolve, reject) => {
      this.#share.enter(() => {
        const operation = this.#pace.enterPool(tried === 'write');
        start(fd, (error, count) => {
          this.#pace.leavePool(operation);
          this.#share.leave();
          if (error) reject(fileError(error, tried, this.#path));
          else resolve(count);
          // Last: whoever goes on with another operation is to begin it before a close that waits.
          this.#left();
        });
      });
    });
  }
}

/** What is left of buffers that follow one another when so many bytes of them are written, and where it begins. */
function* remainders(data: readonly Uint8Array[], written: number): Generator<{ bytes: Uint8Array; at: number }> {
  let start = 0;
  for (const buffer of data) {
    const end = start + buffer.length;
    const at = Math.max(start, written);
    if (end > at) yield { bytes: buffer.subarray(at - start), at };
    start = end;
  }
}
