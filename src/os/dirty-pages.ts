/**
 * How much of the page cache waits to be written to disks. When there is too much of it the kernel lets everybody sleep who writes more:
 * up to 200 ms at a time while the disks go on, and as long as it takes when one of them hangs.
 */

/** Milliseconds for which a look is good. */
const LOOK_TIME = 20;
/** Of what may wait before anybody has to sleep: the rest is room for what is written until the next look. */
const SHARE = 7 / 8;

export class DirtyPages {
  readonly #statistics: () => string;
  #nextLook = Number.NEGATIVE_INFINITY;
  #areFew = false;

  /** `statistics` gives what /proc/vmstat says. */
  constructor(statistics: () => string) {
    this.#statistics = statistics;
  }

  /** Whether nobody has to sleep for writing more, at a time in milliseconds that never jumps. False where the system does not say. */
  areFew(now: number): boolean {
    if (now >= this.#nextLook) {
      this.#nextLook = now + LOOK_TIME;
      this.#areFew = few(this.#statistics());
    }
    return this.#areFew;
  }
}

/** Nobody sleeps up to the middle of the two limits (`dirty_freerun_ceiling` of the kernel). */
function few(statistics: string): boolean {
  const waiting = value(statistics, 'nr_dirty') + value(statistics, 'nr_writeback');
  const limits = value(statistics, 'nr_dirty_threshold') + value(statistics, 'nr_dirty_background_threshold');
  return waiting < (limits / 2) * SHARE;
}

/** NaN when it is not there: then no comparison holds. */
function value(statistics: string, name: string): number {
  const at = statistics.indexOf(`\n${name} `);
  if (at < 0) return Number.NaN;
  return Number.parseInt(statistics.slice(at + name.length + 2), 10);
}
