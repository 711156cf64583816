/**
 * The order of a device's changes that are not made at once: of those that overlap each begins when the earlier ones are over, and a
 * read sees all that was asked for before it. Everything else may happen at the same time.
 */

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
    if (this.#underWay.size === 0) return undefined;
    const changes = [...this.#underWay].filter((change) => change.start < end && start < change.end);
    return changes.length === 0 ? undefined : Promise.all(changes.map(({ over }) => over));
  }

  /** A change of the range is under way, or waits for earlier ones, until `done` is settled. Gives `done`. */
  add(start: number, end: number, done: Promise<void>): Promise<void> {
    const forget = (): void => void this.#underWay.delete(change);
    const change: Change = { start, end, over: done.then(forget, forget) };
    this.#underWay.add(change);
    return done;
  }
}
