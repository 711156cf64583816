/**
 * A thread that gives files the time of this moment, for a loop that waits for it, but no longer than it can afford to: the journal of a
 * file system may keep the thread as long as a disk hangs.
 */

import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { fileCalls } from './file-calls.ts';

/** Milliseconds that the loop waits at most. As a rule it is a tenth of one: that of waking a thread. */
export const LONGEST_WAIT = 5;
/** Files that are given their time at once. */
export const MOST_FILES = 256;

export interface TimeGiver {
  /** False while the files of an earlier call have not got their time, and until the thread has started. */
  readonly isFree: boolean;
  /** Descriptors of files, at most MOST_FILES. True when all of them have got their time; false also when that takes too long. */
  give(files: readonly number[]): boolean;
  /** When a file is in nobody's hands any more. Undefined when it is in nobody's now. */
  whenDoneWith(file: number): Promise<void> | undefined;
}

/** What loop and thread share: numbers of 32 bits. */
const STATE = 0;
const RESULT = 1;
const COUNT = 2;
const FILES = 3;

const State = { idle: 0, asked: 1, starting: 2 } as const;
const Result = { given: 0, refused: 1 } as const;

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

  /** The thread lasts as long as the process, and keeps no process from its end. */
  #start(): void {
    this.#isStarted = true;
    new Worker(new URL(import.meta.url), { workerData: this.#shared, name: 'time giver' }).unref();
  }
}

/** The thread's own work. */
function giveTimes(shared: Int32Array): never {
  for (;;) {
    Atomics.store(shared, STATE, State.idle);
    Atomics.notify(shared, STATE);
    Atomics.wait(shared, STATE, State.idle);
    const files = shared.subarray(FILES, FILES + (shared[COUNT] ?? 0));
    shared[RESULT] = files.every((file) => fileCalls?.setTimes(file) === 0) ? Result.given : Result.refused;
  }
}

const given: unknown = workerData;
if (!isMainThread && given instanceof Int32Array && given.length === FILES + MOST_FILES) giveTimes(given);
