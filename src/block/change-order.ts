/**
 * The order of a device's changes that are not made at once: of those that overlap each begins when the earlier ones are over, and a
 * read sees all that was asked for before it. Everything else may happen at the same time.
 */

import type { Awaitable } from './device.ts';

interface Change {
  /** Bytes of the device: `end` is the first one after it. */
  readonly start: number;
  readonly end: number;
  readonly over: Promise<void>;
}

export class ChangeOrder {
  readonly #underWay = new Set<Change>();

  /** When what is under way in a range is over, whatever came of it. Undefined when nothing is. */
  earlier(start: number, end: number): Promise<unknown> | undefined {
    // As a rule there are none, and seldom any in the range: nothing is made for those that are not.
    let found: Promise<void>[] | undefined;
    for (const change of this.#underWay) {
      if (change.start >= end || start >= change.end) continue;
      found ??= [];
      found.push(change.over);
    }
    return found === undefined ? undefined : Promise.all(found);
  }

  /**
   * Makes a change of the range, `change(offset, what)`, when the earlier ones in it are over; those that come later wait for it. At once
   * when nothing is in the way: then it raises what the change raises.
   */
  make<T>(
    start: number,
    end: number,
    change: (offset: number, what: T) => Awaitable<void>,
    offset: number,
    what: T,
  ): Awaitable<void> {
    const earlier = this.earlier(start, end);
    const done = earlier === undefined ? change(offset, what) : makeAfter(earlier, change, offset, what);
    if (done instanceof Promise) this.#add(start, end, done);
    return done;
  }

  #add(start: number, end: number, done: Promise<void>): void {
    const forget = (): void => void this.#underWay.delete(change);
    const change: Change = { start, end, over: done.then(forget, forget) };
    this.#underWay.add(change);
  }
}

/** Apart, so that a change which need not wait makes no closure. */
async function makeAfter<T>(
  earlier: Promise<unknown>,
  change: (offset: number, what: T) => Awaitable<void>,
  offset: number,
  what: T,
): Promise<void> {
  await earlier;
  await change(offset, what);
}
