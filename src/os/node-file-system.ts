/** The operating system's files (see file.ts). */

import { randomUUID } from 'node:crypto';
import {
  fchmodSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemClock } from './clock.ts';
import { DirtyPages } from './dirty-pages.ts';
import { DiskPace } from './disk-pace.ts';
import type { FileStatus, FileSystem, OpenMode } from './file.ts';
import { fileError } from './file-error.ts';
import { kernelFileTime } from './file-time.ts';
import { type Disk, NodeFile } from './node-file.ts';
import { isPageCached } from './page-cached.ts';
import { TimeGiverThread } from './time-giver.ts';
import { TimedFiles } from './timed-files.ts';

const flags: Record<OpenMode, string> = { read: 'r', write: 'r+', create: 'w+', 'create-private': 'w+' };

const OWNER_ONLY = 0o600;

/** A system that does not name its boots is taken for a new one in every process: safe, as then nothing unsynced is trusted. */
const unnamedBoot = randomUUID();

export const nodeFileSystem: FileSystem = {
  open: (path, mode) => attempt('open', path, () => openFile(path, flags[mode], mode === 'create-private')),

  status: (path) =>
    attempt('look at', path, () => {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      if (stat === undefined) return undefined;
      const kind = kindOf(stat);
      const size = kind === 'block-device' ? sizeOfBlockDevice(path) : Number(stat.size);
      return {
        size,
        allocated: Number(stat.blocks) * 512,
        modified: stat.mtimeNs,
        mode: Number(stat.mode) & 0o7777,
        kind,
      };
    }),

  realPath: (path) => attempt('look at', path, () => realpathSync(path)),

  makeDirectory: (path) => attemptAsync('make directory', path, () => makeDurably(resolve(path))),

  rename: (from, to) =>
    attemptAsync('rename', from, async () => {
      await rename(from, to);
      await syncDirectory(dirname(to));
      if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from));
    }),

  remove: (path) =>
    attemptAsync('remove', path, async () => {
      await rm(path, { force: true });
      await syncDirectory(dirname(path));
    }),

  list: (path) => attempt('list', path, () => readdirSync(path).sort()),

  readFile: (path) => attemptAsync('read', path, () => readFile(path)),

  bootId() {
    try {
      return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    } catch {
      return unnamedBoot;
    }
  },
};

/** Files on one disk share its pace: what one of them learns keeps the others from waiting for it in the event loop. */
const disks = new Map<number, Disk>();
const dirtyPages = new DirtyPages(memoryStatistics);
const timeGiver = new TimeGiverThread();

function openFile(path: string, mode: string, isPrivate = false): NodeFile {
  const fd = isPrivate ? openSync(path, mode, OWNER_ONLY) : openSync(path, mode);
  // The old file kept the rights that it had.
  if (isPrivate) fchmodSync(fd, OWNER_ONLY);
  const stat = fstatSync(fd);
  const device = stat.isBlockDevice() ? stat.rdev : stat.dev;
  const disk = disks.get(device) ?? diskOf(path);
  disks.set(device, disk);
  return new NodeFile(path, fd, disk);
}

function diskOf(path: string): Disk {
  const pace = new DiskPace(systemClock, dirtyPages);
  const timedFiles = new TimedFiles(kernelFileTime, timeGiver, pace);
  return { pace, timedFiles, isPageCached: isPageCached(path) };
}

function memoryStatistics(): string {
  try {
    return readFileSync('/proc/vmstat', 'latin1');
  } catch {
    return '';
  }
}

function kindOf(stat: Pick<Stats, 'isFile' | 'isDirectory' | 'isBlockDevice'>): FileStatus['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isBlockDevice() ? 'block-device' : 'other';
}

/** stat says 0 for every block device. */
function sizeOfBlockDevice(path: string): number {
  const file = openFile(path, 'r');
  try {
    return file.size();
  } finally {
    void file.close();
  }
}

async function makeDurably(path: string): Promise<void> {
  const parent = dirname(path);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (parent !== path) await makeDurably(parent);
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    // Another process made it in the meantime; a file of that name stays an error.
    if (error.code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  });
  await syncDirectory(parent);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function attempt<T>(tried: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw fileError(error, tried, path);
  }
}

async function attemptAsync<T>(tried: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw fileError(error, tried, path);
  }
}
