/**
 * The files of one disk that are being written to, and which of them have the time of this tick (file-time.ts). Those that are written to
 * often are given it by another thread, all at once, when the first of them is written to in a tick. The loop waits for that, which
 * is worth it for many writes and not for a few.
 */

import type { DiskPace } from './disk-pace.ts';
import type { FileTime } from './file-time.ts';
import type { TimeGiver } from './time-giver.ts';
import { MOST_FILES } from './time-giver-memory.ts';

/** Writes of a tick to a file that are worth a wait: that takes about as long as so many ways through the thread pool. */
export const MANY_WRITES = 8;

export class TimedFile {
  readonly descriptor: number;
  /** The last tick of which it has the time. */
  timedIn: number | undefined;
  /** The last tick in which it was written to, and how often. */
  writtenIn: number | undefined;
  writes = 0;
  /** Whether there were many writes in the one before that. */
  #wasBusy = false;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  get isWorthWaiting(): boolean {
    return this.#wasBusy || this.writes >= MANY_WRITES;
  }

  countWrite(tick: number): void {
    if (this.writtenIn !== tick) {
      this.#wasBusy = this.writes >= MANY_WRITES;
      this.writtenIn = tick;
      this.writes = 0;
    }
    this.writes++;
  }
}

export class TimedFiles {
  readonly #time: FileTime;
  readonly #giver: TimeGiver;
  readonly #pace: DiskPace;
  readonly #files = new Set<TimedFile>();
  /** The tick whose time was given last. */
  #given: number | undefined;

  /** `pace` is that of the disk. */
  constructor(time: FileTime, giver: TimeGiver, pace: DiskPace) {
    this.#time = time;
    this.#giver = giver;
    this.#pace = pace;
  }

  /** Whether a file that is to be written to has the time of this tick. It is given it if that is worth it and takes no long wait. */
  hasTime(file: TimedFile): boolean {
    const tick = this.#time.tick() ?? (file.isWorthWaiting ? this.#time.nextTick() : undefined);
    if (tick === undefined) return false;
    file.countWrite(tick);
    return file.timedIn === tick || (file.isWorthWaiting && this.#give(file, tick));
  }

  #give(file: TimedFile, tick: number): boolean {
    if (!this.#giver.isFree) return false;
    this.#files.add(file);
    const files = tick === this.#given ? [file] : this.#beingWritten(file);
    const operation = this.#pace.enterPool(true);
    const isGiven = this.#giver.give(files.map(({ descriptor }) => descriptor));
    const late = this.#giver.whenDoneWith(file.descriptor);
    if (late === undefined) this.#pace.leavePool(operation);
    else void late.then(() => this.#pace.leavePool(operation));
    // What was given near the end of a tick may be the next one's.
    if (!isGiven || this.#time.tick() !== tick) return false;
    this.#given = tick;
    for (const each of files) each.timedIn = tick;
    return true;
  }

  /** This file, and those that were written to often in the tick that was given last. */
  #beingWritten(file: TimedFile): TimedFile[] {
    const files = [file];
    for (const other of this.#files) {
      if (other === file) continue;
      if (other.writtenIn !== this.#given || other.writes < MANY_WRITES) this.#files.delete(other);
      else if (files.length < MOST_FILES) files.push(other);
    }
    return files;
  }

  /** A file is to be closed: when it may be. Undefined when it may be now. */
  leave(file: TimedFile): Promise<void> | undefined {
    this.#files.delete(file);
    return this.#giver.whenDoneWith(file.descriptor);
  }
}
