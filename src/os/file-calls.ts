/**
 * The file system calls that Node has no function for, by foreign function calls to the C library. Constants are those of Linux;
 * where the calls cannot be loaded (another system, no koffi binary) `fileCalls` is undefined and node-file.ts does without.
 */

import type { KoffiFunc } from 'koffi';
import { fromProcessLibrary, type ProcessLibrary } from './process-library.ts';

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const SEEK_END = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const RWF_NOWAIT = 8;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EINVAL = 22;

/** A call's result: 0 or more, or minus the `errno`. */
export type CallResult = number;

export interface FileCalls {
  /** Makes a hole in the thread pool and leaves the file's size as it is: calls back with whether there is a hole now. */
  punchHoleInPool(fd: number, offset: number, length: number, callback: (done: boolean) => void): void;
  /** The first byte at or after `offset` that is data, or in a hole; sought in the thread pool. */
  seekDataInPool(fd: number, offset: number, callback: (result: CallResult) => void): void;
  seekHoleInPool(fd: number, offset: number, callback: (result: CallResult) => void): void;
  seekEnd(fd: number): CallResult;
  /** Reads only what is in the page cache. */
  readNoWait(fd: number, into: Uint8Array, offset: number): CallResult;
  /** Puts the time of a clock into `timespec`, a `struct timespec` of the C library. */
  clockTime(clock: number, timespec: Int32Array): CallResult;
  /** How long that clock stands still. */
  clockResolution(clock: number, timespec: Int32Array): CallResult;
  /** Gives a file the time of this moment. */
  setTimes(fd: number): CallResult;
  /** Bytes of a page of the page cache. */
  readonly pageSize: number;
  /** The lock of the open file (`flock`): it also holds against other openings in this process. */
  lock(fd: number, kind: 'exclusive' | 'shared'): CallResult;
}

function load({ koffi, libc }: ProcessLibrary): FileCalls {
  const fallocate: KoffiFunc<(fd: number, mode: number, offset: number, length: number) => number> = libc.func(
    'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
  );
  const lseek: KoffiFunc<(fd: number, offset: number, whence: number) => number> = libc.func(
    'int64_t lseek(int fd, int64_t offset, int whence)',
  );
  const preadv2: KoffiFunc<
    (fd: number, vector: BigUint64Array, count: number, offset: number, flags: number) => number
  > = libc.func('int64_t preadv2(int fd, void *vector, int count, int64_t offset, int flags)');
  const flock: KoffiFunc<(fd: number, operation: number) => number> = libc.func('int flock(int fd, int operation)');
  const clockTime: KoffiFunc<(clock: number, timespec: Int32Array) => number> = libc.func(
    'int clock_gettime(int clock, void *timespec)',
  );
  const clockResolution: KoffiFunc<(clock: number, timespec: Int32Array) => number> = libc.func(
    'int clock_getres(int clock, void *timespec)',
  );
  const futimens: KoffiFunc<(fd: number, times: null) => number> = libc.func('int futimens(int fd, void *times)');
  const pageSize: KoffiFunc<() => number> = libc.func('int getpagesize()');
  const result = (value: number): CallResult => (value < 0 ? -koffi.errno() : value);
  // The errno of a call in the pool is that of this thread by the time it calls back.
  const seekInPool = (fd: number, offset: number, whence: number, callback: (result: CallResult) => void): void =>
    lseek.async(fd, offset, whence, (error, value) => callback(error === null ? result(value) : -EINVAL));
  // One `struct iovec`, reused: the call reads it before it returns.
  const vector = new BigUint64Array(2);
  return {
    punchHoleInPool: (fd, offset, length, callback) =>
      fallocate.async(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length, (error, value) =>
        callback(error === null && value >= 0),
      ),
    seekDataInPool: (fd, offset, callback) => seekInPool(fd, offset, SEEK_DATA, callback),
    seekHoleInPool: (fd, offset, callback) => seekInPool(fd, offset, SEEK_HOLE, callback),
    seekEnd: (fd) => result(lseek(fd, 0, SEEK_END)),
    readNoWait(fd, into, offset) {
      vector[0] = koffi.address(into);
      vector[1] = BigInt(into.length);
      return result(preadv2(fd, vector, 1, offset, RWF_NOWAIT));
    },
    clockTime: (clock, timespec) => result(clockTime(clock, timespec)),
    clockResolution: (clock, timespec) => result(clockResolution(clock, timespec)),
    setTimes: (fd) => result(futimens(fd, null)),
    pageSize: pageSize(),
    lock: (fd, kind) => result(flock(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB)),
  };
}

export const fileCalls = fromProcessLibrary(load);
