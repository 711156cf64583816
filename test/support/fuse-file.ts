/** A file that a program serves (FUSE): what is asked of it hangs for as long as the program stands still. Needs root. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { end } from './namespace-pair.ts';
import { type Requirement, root } from './requires.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const fuseFileNeeds: readonly (string | Requirement)[] = [
  'qemu-storage-daemon',
  root,
  { name: 'FUSE in the kernel', present: () => existsSync('/dev/fuse') },
];

export class FuseFile implements AsyncDisposable {
  readonly path: string;
  readonly #backing: string;
  readonly #child: ChildProcess;

  private constructor(path: string, backing: string, child: ChildProcess) {
    this.path = path;
    this.#backing = backing;
    this.#child = child;
  }

  /** An empty file of so many bytes. Programs that use it must have ended before its disposal. */
  static async start(t: TestContext, size: number): Promise<FuseFile> {
    const folder = temporaryDirectory(t);
    const [path, backing, ready] = ['served', 'backing', 'ready'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(path, '');
    writeFileSync(backing, '');
    truncateSync(backing, size);
    const args = ['--blockdev', `driver=file,node-name=disk,filename=${backing}`, '--pidfile', ready];
    const served = ['--export', `type=fuse,id=served,node-name=disk,mountpoint=${path},writable=on`];
    const child = spawn('qemu-storage-daemon', [...args, ...served], { stdio: ['ignore', 'ignore', 'inherit'] });
    while (!existsSync(ready)) {
      assert.equal(child.exitCode, null, 'qemu-storage-daemon has ended');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return new FuseFile(path, backing, child);
  }

  /** Bytes that were written, in whole blocks of the file system below. */
  get allocated(): number {
    return statSync(this.#backing).blocks * 512;
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await end(this.#child);
  }
}
