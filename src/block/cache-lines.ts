/**
 * Which lines of a cached device are in memory, and which of them go when there is no more room: CLOCK. The hand goes round the lines
 * in the order of their places on the device; one that was read since it last passed stays for one more round.
 *
 * Places and marks lie close together in arrays, by groups of lines that exist once one of them does. A hit in a large image would
 * else wait for main memory several times before it had found its bytes.
 */

/** Lines of a group: 64 MiB of an image in lines of 64 KiB. A power of two. */
const GROUP = 1024;

const USED = 1;
const AHEAD = 2;

interface Group {
  readonly lines: (ArrayBufferLike | undefined)[];
  readonly marks: Uint8Array;
  count: number;
}

export class CacheLines {
  readonly #budget: number;
  readonly #costOf: (line: ArrayBufferLike) => number;
  readonly #groups: (Group | undefined)[];
  #hand = 0;
  #bytesKept = 0;

  /** Room for `count` lines, of which as many are kept as cost no more than `budget` together; but always the newest. */
  constructor(count: number, budget: number, costOf: (line: ArrayBufferLike) => number) {
    this.#budget = budget;
    this.#costOf = costOf;
    this.#groups = new Array<Group | undefined>(Math.ceil(count / GROUP)).fill(undefined);
  }

  /** What the lines cost. */
  get bytesKept(): number {
    return this.#bytesKept;
  }

  get(index: number): ArrayBufferLike | undefined {
    return this.#groups[Math.floor(index / GROUP)]?.lines[index % GROUP];
  }

  /** A line that is there is being read. True when it was read ahead and this is its first reader. */
  touch(index: number): boolean {
    const marks = this.#groups[Math.floor(index / GROUP)]?.marks;
    if (marks === undefined) return false;
    const mark = marks[index % GROUP];
    // The hand passes seldom: mostly there is nothing to write.
    if (mark !== USED) marks[index % GROUP] = USED;
    return mark !== undefined && (mark & AHEAD) !== 0;
  }

  /** Keeps a line that was not there, and drops others for it. `ahead`: nobody has asked for it yet. */
  add(index: number, line: ArrayBufferLike, ahead: boolean): void {
    const group = this.#groupOf(index);
    group.lines[index % GROUP] = line;
    group.marks[index % GROUP] = ahead ? AHEAD : USED;
    group.count += 1;
    this.#bytesKept += this.#costOf(line);
    this.#makeRoom(index);
  }

  clear(): void {
    this.#groups.fill(undefined);
    this.#bytesKept = 0;
  }

  #groupOf(index: number): Group {
    const place = Math.floor(index / GROUP);
    const known = this.#groups[place];
    if (known !== undefined) return known;
    const lines = new Array<ArrayBufferLike | undefined>(GROUP).fill(undefined);
    const group: Group = { lines, marks: new Uint8Array(GROUP), count: 0 };
    this.#groups[place] = group;
    return group;
  }

  /** Turns the hand until the budget is kept. Two rounds find something to drop, whatever was read. */
  #makeRoom(newest: number): void {
    const end = this.#groups.length * GROUP;
    for (let steps = 2 * end; this.#bytesKept > this.#budget && steps > 0; ) {
      const index = this.#hand;
      const group = this.#groups[Math.floor(index / GROUP)];
      const passed = group === undefined ? GROUP - (index % GROUP) : 1;
      steps -= passed;
      this.#hand = (index + passed) % end;
      if (group !== undefined && index !== newest) this.#pass(group, index);
    }
  }

  /** The hand passes a line. */
  #pass(group: Group, index: number): void {
    const line = group.lines[index % GROUP];
    if (line === undefined) return;
    const mark = group.marks[index % GROUP] ?? 0;
    if ((mark & USED) !== 0) {
      group.marks[index % GROUP] = mark & ~USED;
      return;
    }
    group.lines[index % GROUP] = undefined;
    group.count -= 1;
    this.#bytesKept -= this.#costOf(line);
    if (group.count === 0) this.#groups[Math.floor(index / GROUP)] = undefined;
  }
}
