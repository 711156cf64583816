/**
 * The output of a program that does not wait for its reader. The kernel's pipes keep 64 KiB; the sockets that Node gives a child are
 * full after 171 writes of one byte, which is how an emulated serial line writes. Firmware tries for 0.2 ms then, and leaves
 * the rest of what it prints.
 */
import { spawnSync } from 'node:child_process';
import { constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OutputPipe {
  /** What the program printed. It ends when nobody has the other end open any more. */
  readonly output: Socket;
  /** The program's end, to be destroyed by who starts it: only the program is to hold the pipe open. */
  readonly end: Socket;
}

export function makeOutputPipe(): OutputPipe {
  const folder = mkdtempSync(join(tmpdir(), 'diskless-pipe-'));
  const path = join(folder, 'output');
  try {
    const { status, stderr, error } = spawnSync('mkfifo', [path], { encoding: 'utf8' });
    if (status !== 0) throw error ?? new Error(stderr);
    const output = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false });
    return { output, end: new Socket({ fd: openSync(path, 'w'), readable: false }) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
