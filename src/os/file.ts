/**
 * Files as the block and pool rooms see them. The real one is `nodeFileSystem` (node-file-system.ts); tests use one that can lose
 * everything not yet synced, as a power cut does.
 */

/** A run of a file that is either allocated data or a hole. */
export interface FileExtent {
  readonly offset: number;
  readonly length: number;
  readonly hole: boolean;
}

export interface File {
  /** Bytes at the time of the call. */
  size(): number;
  /**
   * Reads into `into` at `offset`, in this turn of the loop: right when the data is expected in the page cache. Gives the bytes
   * read; fewer than asked only at the end of the file.
   */
  readSync(into: Uint8Array, offset: number): number;
  /**
   * Reads only what is at hand without waiting for a disk: gives the bytes read, from 0 up to what was asked, and 0 where the disk
   * is busy enough to make even the question wait, or where the file system may always wait for somebody else. Where the platform
   * cannot tell, it reads as `readSync` does.
   */
  readNoWait(into: Uint8Array, offset: number): number;
  /** As `readSync`, off the event loop. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /**
   * Writes all of several buffers that follow one another, inside the file's size: in this turn of the loop where the page cache takes
   * them and needs nothing of the disk, off the event loop otherwise. They must stay unchanged until it is done. Writes that overlap have no order of their own: the
   * second one may begin when the first one is over. Raises (or rejects with) FILE_NO_SPACE, FILE_IO.
   */
  writev(data: readonly Uint8Array[], offset: number): void | Promise<void>;
  /** Off the event loop. */
  write(data: Uint8Array, offset: number): Promise<void>;
  /**
   * Done once everything written before the call survives a power cut. After one failure it fails for good: the kernel may have
   * dropped what it could not write, and a later success would promise data that is gone.
   */
  sync(): Promise<void>;
  truncate(size: number): void;
  /**
   * Frees the blocks of a range inside the file, off the event loop; it reads as zeros. Where the file system cannot, zeros are
   * written. Counts as a write: see `writev`.
   */
  punchHole(offset: number, length: number): void | Promise<void>;
  /** The allocated and unallocated runs of a range, off the event loop; a file system that cannot say calls everything data. */
  extents(offset: number, length: number): Promise<FileExtent[]>;
  /**
   * Takes the advisory lock of the whole file, which ends with the process: one holder has it exclusively (the default), or many
   * share it. Raises FILE_LOCKED when another holder is in the way.
   */
  lock(kind?: 'exclusive' | 'shared'): void;
  /** Waits for operations under way; later ones raise FILE_CLOSED. Closing twice is harmless. */
  close(): Promise<void>;
}

/**
 * `write` reads and writes a file that exists; `create` makes a new one, or empties the old one, and reads and writes it;
 * `create-private` does so and leaves nobody but its owner any right to it.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'create-private';

export interface FileStatus {
  readonly size: number;
  /** Bytes that it takes on its disk: less than `size` when it has holes. */
  readonly allocated: number;
  /** Nanoseconds since the Unix epoch. */
  readonly modified: bigint;
  /** Permission bits: 0o000 to 0o7777. */
  readonly mode: number;
  readonly kind: 'file' | 'directory' | 'block-device' | 'other';
}

/** Raises FILE_NOT_FOUND, FILE_FORBIDDEN, FILE_EXISTS, FILE_IS_DIRECTORY, FILE_NO_SPACE, FILE_TOO_MANY_OPEN, FILE_IO. */
export interface FileSystem {
  open(path: string, mode: OpenMode): File;
  /** What is at `path`, links followed; undefined when there is nothing. */
  status(path: string): FileStatus | undefined;
  /** The absolute path without links. */
  realPath(path: string): string;
  /** Makes a directory and those above it that are missing; durable when it returns. */
  makeDirectory(path: string): Promise<void>;
  /** Replaces `to` in one step; durable when it returns (the directory is synced). */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; durable when it returns. A file that is not there is no error. */
  remove(path: string): Promise<void>;
  /** Names of the entries of a directory, sorted. */
  list(path: string): string[];
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Names the running kernel: a new value after every boot. What a process wrote without syncing is still there as long as it
   * has not changed.
   */
  bootId(): string;
}
