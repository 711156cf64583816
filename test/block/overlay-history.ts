/**
 * What a disk may hold, sector by sector, by what was asked of it and what it acknowledged: the oracle of the power cut tests.
 *
 * Every write has a stamp of its own, and fills each of its sectors with it, so that the content of a sector tells which write it is
 * from, and garbage tells that it is garbage.
 */

import assert from 'node:assert/strict';

export const SECTOR = 512;
/** The stamp of zeros. */
const ZERO = 0;

interface Acknowledged {
  readonly at: number;
  readonly stamp: number;
}

/** A write that was issued and not acknowledged yet. */
export interface Pending {
  readonly first: number;
  readonly end: number;
  readonly stamp: number;
  /** To be durable before it is acknowledged. */
  readonly fua: boolean;
  readonly oneStep: boolean;
}

export class OverlayHistory {
  readonly sectors: number;
  /** Of each sector, everything that was acknowledged. */
  readonly #versions: Acknowledged[][];
  /** Which of them is certainly on the disk: after a power cut it is that one or a later one. */
  readonly #durable: number[];
  readonly #pending = new Set<Pending>();
  #clock = 0;
  #stamps: number;

  constructor(sectors: number) {
    this.sectors = sectors;
    this.#stamps = sectors + 1;
    this.#durable = new Array<number>(sectors).fill(0);
    this.#versions = Array.from({ length: sectors }, (_, index) => [{ at: 0, stamp: imageStamp(index) }]);
  }

  nextStamp(): number {
    return this.#stamps++;
  }

  /**
   * A change in one step is done at the moment of its acknowledgement, so that of two that overlap the later acknowledged one came
   * last. Others (durable ones, parts of blocks made zero) are done in several steps, and of two that overlap nobody could tell. No
   * initiator asks for such things at the same time.
   */
  mayIssue(first: number, end: number, oneStep: boolean): boolean {
    return this.pending().every((write) => write.end <= first || end <= write.first || (oneStep && write.oneStep));
  }

  issue(pending: Pending): Pending {
    this.#pending.add(pending);
    return pending;
  }

  acknowledge(pending: Pending): void {
    this.#pending.delete(pending);
    const at = ++this.#clock;
    for (let sector = pending.first; sector < pending.end; sector++) {
      const count = this.#of(sector).push({ at, stamp: pending.stamp });
      if (pending.fua) this.#durable[sector] = count - 1;
    }
  }

  now(): number {
    return this.#clock;
  }

  /** Everything acknowledged up to `at` is on the disk. */
  flushed(at: number): void {
    for (let sector = 0; sector < this.sectors; sector++) {
      const flushed = this.#of(sector).findLastIndex((version) => version.at <= at);
      this.#durable[sector] = Math.max(flushed, this.#durable[sector] ?? 0);
    }
  }

  /** What was read while the disk was up: the content at the call, or something that came in the meantime. */
  checkRead(first: number, content: Uint8Array, since: number, pendingThen: readonly Pending[]): void {
    this.#checkAll(first, content, (sector) => {
      const versions = this.#of(sector);
      const start = versions.findLastIndex((version) => version.at <= since);
      return [...versions.slice(start).map((version) => version.stamp), ...this.#pendingStamps(sector, pendingThen)];
    });
  }

  pending(): Pending[] {
    return [...this.#pending];
  }

  /** What was read after a kill: nothing acknowledged is lost. */
  checkAfterKill(content: Uint8Array): void {
    this.#checkAll(0, content, (sector) => [
      this.#of(sector).at(-1)?.stamp ?? ZERO,
      ...this.#pendingStamps(sector, this.#pending),
    ]);
    // A write that was under way may have been done: it counts from now on, and is not on the disk yet.
    this.#continueFrom(content);
  }

  /** What was read after a power cut: all that was flushed, and nothing that never was. */
  checkAfterPowerCut(content: Uint8Array): void {
    this.#checkAll(0, content, (sector) => [
      ...this.#of(sector)
        .slice(this.#durable[sector])
        .map((version) => version.stamp),
      ...this.#pendingStamps(sector, this.#pending),
    ]);
    this.#continueFrom(content);
    for (let sector = 0; sector < this.sectors; sector++) this.#durable[sector] = this.#of(sector).length - 1;
  }

  #continueFrom(content: Uint8Array): void {
    this.#pending.clear();
    const at = ++this.#clock;
    for (let sector = 0; sector < this.sectors; sector++)
      this.#of(sector).push({ at, stamp: stampOf(content, sector) });
  }

  #of(sector: number): Acknowledged[] {
    const versions = this.#versions[sector];
    assert(versions !== undefined);
    return versions;
  }

  #pendingStamps(sector: number, pending: Iterable<Pending>): number[] {
    return [...pending].filter((write) => write.first <= sector && sector < write.end).map((write) => write.stamp);
  }

  #checkAll(first: number, content: Uint8Array, allowed: (sector: number) => number[]): void {
    for (let index = 0; index < content.length / SECTOR; index++) {
      const stamp = stampOf(content, index);
      const expected = allowed(first + index);
      if (!expected.includes(stamp)) {
        assert.fail(`sector ${first + index} holds ${stamp}, which is none of ${expected.join(', ')}`);
      }
    }
  }
}

/** What sector `index` of the image is filled with. */
function imageStamp(index: number): number {
  return index + 1;
}

export function imageContent(sectors: number): Uint8Array {
  return stamped(sectors, imageStamp);
}

export function stamped(sectors: number, stamp: (index: number) => number): Uint8Array {
  const words = new Uint32Array((sectors * SECTOR) / 4);
  for (let index = 0; index < sectors; index++)
    words.fill(stamp(index), (index * SECTOR) / 4, ((index + 1) * SECTOR) / 4);
  return new Uint8Array(words.buffer);
}

/** -1 for a sector that no one write can have left. */
function stampOf(content: Uint8Array, sector: number): number {
  const bytes = new Uint8Array(content.subarray(sector * SECTOR, (sector + 1) * SECTOR));
  const words = new Uint32Array(bytes.buffer);
  const [stamp = -1] = words;
  return words.every((word) => word === stamp) ? stamp : -1;
}
