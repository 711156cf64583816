/**
 * A thread that gives files the time of this moment, for a loop that waits for it, but no longer than it can afford to: the journal of a
 * file system may keep the thread as long as a disk hangs.
 */

import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { COUNT, FILES, MOST_FILES, RESULT, Result, STATE, State } from './time-giver-memory.ts';

/** Milliseconds that the loop waits at most. As a rule it is a tenth of one: that of waking a thread. */
const LONGEST_WAIT = 5;
/** Beside this file, with its sources or built. */
const threadFile = `./time-giver-thread${extname(fileURLToPath(import.meta.url))}`;

export interface TimeGiver {
  /** False while the files of an earlier call have not got their time, and until the thread has started. */
  readonly isFree: boolean;
  /** Descriptors of files, at most MOST_FILES. True when all of them have got their time; false also when that takes too long. */
  give(files: readonly number[]): boolean;
  /** When a file is in nobody's hands any more. Undefined when it is in nobody's now. */
  whenDoneWith(file: number): Promise<void> | undefined;
}

export class TimeGiverThread implements TimeGiver {
  readonly #shared = new Int32Array(new SharedArrayBuffer((FILES + MOST_FILES) * Int32Array.BYTES_PER_ELEMENT));
  #isStarted = false;
  /** Files that have been waited for too long, and when they are done. */
  #late: { readonly files: readonly number[]; readonly done: Promise<void> } | undefined;

  constructor() {
    this.#shared[STATE] = State.starting;
  }

  get isFree(): boolean {
    if (!this.#isStarted) this.#start();
    return this.#late === undefined && Atomics.load(this.#shared, STATE) === State.idle;
  }

  give(files: readonly number[]): boolean {
    this.#shared[COUNT] = files.length;
    this.#shared.set(files, FILES);
    Atomics.store(this.#shared, STATE, State.asked);
    Atomics.notify(this.#shared, STATE);
    if (Atomics.wait(this.#shared, STATE, State.asked, LONGEST_WAIT) !== 'timed-out') {
      return this.#shared[RESULT] === Result.given;
    }
    const waiting = Atomics.waitAsync(this.#shared, STATE, State.asked);
    const done = Promise.resolve(waiting.value).then(() => {
      this.#late = undefined;
    });
    this.#late = { files, done };
    return false;
  }

  whenDoneWith(file: number): Promise<void> | undefined {
    return this.#late?.files.includes(file) ? this.#late.done : undefined;
  }

  /** The thread lasts as long as the process, and keeps no process from its end. Without it nobody is free, and nothing is given. */
  #start(): void {
    this.#isStarted = true;
    const thread = new Worker(new URL(threadFile, import.meta.url), { workerData: this.#shared, name: 'time giver' });
    thread.unref();
    // A thread that fails ends.
    thread.on('error', () => {});
    thread.once('exit', () => {
      Atomics.store(this.#shared, STATE, State.ended);
      Atomics.notify(this.#shared, STATE);
    });
  }
}
